"""Names the form in which the value of each kind of record is kept, and brings values of older forms up to it.

A value that is kept in a form of before is brought up to the newest one when it is read, and is written in that one
with its next change. So a release that changes how something is kept adds one function here, and its node opens the
data folders of all releases before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

Upgrade = Callable[[dict[str, Any]], dict[str, Any]]

UPGRADES: dict[str, tuple[Upgrade, ...]] = {}
"""By kind: from form 1 to form 2, from 2 to 3, and so on. A kind without any is in form 1."""


class UnreadableRecord(Exception):
    """A record is of a form that a newer Nightbus wrote, or is damaged."""

    def __init__(self, kind: str, key: str, why: str) -> None:
        super().__init__(f"{kind} {key!r} cannot be read: {why}")
        self.kind = kind
        self.key = key


def newest(kind: str) -> int:
    """The form in which values of this kind are written."""
    return 1 + len(UPGRADES.get(kind, ()))


def value_of(kind: str, key: str, form: int, data: bytes) -> dict[str, Any]:
    """The value in its newest form. Raises UnreadableRecord."""
    upgrades = UPGRADES.get(kind, ())
    if form > 1 + len(upgrades):
        raise UnreadableRecord(
            kind, key, f"it was written by a newer Nightbus (form {form}, this one knows {1 + len(upgrades)})"
        )
    try:
        value: dict[str, Any] = orjson.loads(data)
        for upgrade in upgrades[form - 1 :]:
            value = upgrade(value)
    except (ValueError, TypeError, LookupError, AttributeError) as damage:
        raise UnreadableRecord(kind, key, f"{type(damage).__name__}: {damage}") from damage
    return value
