"""Compiles a stored policy, and remembers what it made of each text: requests ask for the same policies again."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy

_MOST = 10_000


def resource_policy_of(statements: Sequence[Mapping[str, Any]], name: str) -> Policy | None:
    """Return the policy of the resource with the ARN `name`, the same object for the same text; None for no statement.

    `statements` are those of a stored policy, in JSON's types.
    """
    return _of_text(orjson.dumps(statements), name) if statements else None


@functools.lru_cache(maxsize=_MOST)
def _of_text(statements: bytes, name: str) -> Policy:
    return Policy.of_statements(orjson.loads(statements), PolicyKind.RESOURCE, name)
