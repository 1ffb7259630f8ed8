"""Trusted calls need no permission: each place that makes one is listed with what keeps a caller from steering it."""

from __future__ import annotations

import re
from pathlib import Path

SOURCES = Path(__file__).parents[2] / "src" / "nightbus"
TRUSTED = {
    "console/api/request.py": "only the operator, by key or signed in, calls the API, and these calls read",
    "gateway/cors.py": "reads the CORS rules of the bucket that a browser asks for, and shows none of them",
    "node/admin/debugging.py": "the node's operator, who has its key, names the function",
    "node/admin/stack_members.py": "the node's operator, who has its key, names the stack",
    "services/cloudtrail/destinations.py": "says whether a bucket exists, which S3 tells everybody",
    "stacks/interface.py": "inspect only reads whether a resource is there, and its tags; no caller gets the answer",
}
AS_ROOT = {
    "console/api/request.py": "only the operator, by key or signed in, calls the API",
    "identity/administrator_keys.py": "the key is the administrator's",
    "gateway/signatures/verifier.py": "an unknown key where the node accepts any",
    "node/admin/debugging.py": "trusted",
    "node/admin/service_events.py": "the node's operator puts events as AWS's services do",
    "node/admin/stack_members.py": "trusted",
    "gateway/cors.py": "trusted",
    "services/cloudtrail/destinations.py": "trusted",
    "stacks/records.py": "a stack of a release that did not store who began its operation",
    "services/secretsmanager/rotation_engine.py": "stores the outcome of a rotation, and calls no operation",
    "services/lambda_/layers/permission.py": "the account of an AWS service, for the policy of a layer",
}


def files_with(pattern: str) -> set[str]:
    found = re.compile(pattern)
    paths = [path for path in SOURCES.rglob("*.py") if found.search(path.read_text())]
    return {str(path.relative_to(SOURCES)) for path in paths} - {"aws/calls.py"}


def test_each_trusted_call_is_one_that_was_reviewed() -> None:
    assert files_with(r"\btrusted=True") == set(TRUSTED)


def test_each_call_as_an_accounts_root_is_one_that_was_reviewed() -> None:
    assert files_with(r"\bCaller\.root\(") == set(AS_ROOT)
