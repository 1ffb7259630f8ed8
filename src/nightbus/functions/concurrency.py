"""Counts the running invocations of each function, and refuses one more where there is no room.

One object per node owns the counts; they are not kept, since nothing runs when the node does not.
"""

from __future__ import annotations

from collections import Counter

from nightbus.aws.calls import Scope


class NoRoom(Exception):
    """The function already runs as often as it may."""


class RunningInvocations:
    def __init__(self) -> None:
        self._running: Counter[tuple[Scope, str]] = Counter()

    def begin(self, scope: Scope, name: str, most: int | None) -> None:
        """One more, until `end`. Raises NoRoom when `most` of this function run already; None means that nothing is
        reserved for it."""
        key = (scope, name)
        if most is not None and self._running[key] >= most:
            raise NoRoom
        self._running[key] += 1

    def end(self, scope: Scope, name: str) -> None:
        """Once for each `begin` that raised nothing."""
        key = (scope, name)
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]
