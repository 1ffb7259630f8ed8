"""Counts the running invocations of each function, and refuses one more where there is no room.

One object per node owns the counts; they are not kept, since nothing runs when the node does not.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from nightbus.aws.calls import Scope

T = TypeVar("T")


class NoRoom(Exception):
    """The function already runs as often as it may."""


class RunningInvocations:
    def __init__(self) -> None:
        self._running: Counter[tuple[Scope, str]] = Counter()
        self._detached: set[asyncio.Task[Any]] = set()

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

    def detached(self, invocation: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that goes on where its client does not wait any more."""
        task = asyncio.create_task(invocation)
        self._detached.add(task)
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._detached.discard(task)
        if not task.cancelled():
            task.exception()  # seen here, for nobody may wait for it
