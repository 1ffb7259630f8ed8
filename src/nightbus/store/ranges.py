"""Defines which entries of a log are read, and where the texts with a prefix end, for all backends."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Range:
    """What `Store.read` selects from each log."""

    after: int = 0
    since: int | None = None
    until: int | None = None
    key: str | None = None
    limit: int = 1000
    backwards: bool = False


def after_prefix(prefix: str) -> str | None:
    """The smallest text after all that begin with `prefix`, in the order of UTF-8 bytes; None when there is none."""
    for at in range(len(prefix) - 1, -1, -1):
        point = ord(prefix[at])
        if point < 0x10FFFF:
            following = 0xE000 if point + 1 == 0xD800 else point + 1
            return prefix[:at] + chr(following)
    return None
