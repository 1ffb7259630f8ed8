"""Makes condition keys of the members of a request, for the lines of the tables `ACTIONS`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.identity.needs import EMPTY, Asked, Keys
from nightbus.policies.request import Values

ABSENT = ""


def members(**keys: str) -> Keys:
    """Return what copies members of the request. A keyword is a key, with `__` for its colon and `_` for a hyphen.

    `members(s3__max_keys="MaxKeys")` gives `s3:max-keys`.
    """
    named = {key.replace("__", ":").replace("_", "-").lower(): member for key, member in keys.items()}

    def keys_of(asked: Asked) -> Mapping[str, Values]:
        return {key: written(asked.params.get(member)) for key, member in named.items()}

    return keys_of


def written(value: Any) -> Values:
    """Return the value of a member as policies write it."""
    if value is None or value == []:
        return ABSENT
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, (list, tuple)):
        return tuple(str(one) for one in value)
    return str(value) or EMPTY
