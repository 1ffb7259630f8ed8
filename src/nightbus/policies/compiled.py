"""Compiles the policy of a resource that is stored as statements, once for each text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy, compiled_policy


def compiled_statements(statements: Sequence[Mapping[str, Any]], name: str) -> Policy | None:
    """Return the policy of the resource with the ARN `name`, the same object for the same text; None for no statement.

    `statements` are those of a stored policy, in JSON's types.
    """
    if not statements:
        return None
    document = orjson.dumps({"Version": "2012-10-17", "Statement": statements}).decode()
    return compiled_policy(document, PolicyKind.RESOURCE, name)
