"""Every condition key that a table of actions gives is one of which the evaluator knows that a request may lack it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from nightbus import services
from nightbus.policies.keys import is_known

ROOT = Path(services.__file__).parent
FILES = [
    *ROOT.glob("*/actions.py"),
    *ROOT.glob("*/condition_keys.py"),
    ROOT.parent / "identity" / "request_keys.py",
]
SERVICES = {
    "cloudformation",
    "events",
    "iam",
    "kms",
    "lambda",
    "s3",
    "secretsmanager",
    "sns",
    "sqs",
    "ssm",
    "sts",
}


def test_the_keys_of_the_tables_are_known() -> None:
    """Remedy: a name in `policies/service_keys.py`."""
    given = {key: file for file in FILES if file.exists() for key in _keys(ast.parse(file.read_text()))}
    assert len(given) > 50
    assert {key: str(file) for key, file in given.items() if not is_known(key)} == {}


def _keys(tree: ast.Module) -> Iterator[str]:
    """The keys in lower case: keywords of `members(s3__max_keys=...)`, and texts such as `s3:max-keys`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg and "__" in node.arg:
            yield node.arg.replace("__", ":").replace("_", "-").lower()
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            service, _, name = node.value.partition(":")
            if (
                service in SERVICES
                and name
                and node.value == node.value.lower()
                and "*" not in name
                and " " not in name
            ):
                yield node.value
