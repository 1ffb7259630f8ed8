"""Counts the running invocations of each function, and refuses one more where there is no room.

One object per node owns the counts; they are not kept, since nothing runs when the node does not. A function with
reserved concurrency has that for itself. All others of an account and region share what the account's limit leaves.
Where several nodes share a store, both hold on all of them together (`SharedSlots`).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from typing import Any, TypeVar

from nightbus.aws.calls import Scope
from nightbus.store.shared_limits import SharedSlots

T = TypeVar("T")
_ALL_RUN = "ConcurrentInvocationLimitExceeded"
_ALL_RESERVED_RUN = "ReservedFunctionConcurrentInvocationLimitExceeded"
ACCOUNT_LIMIT = 1000


class NoRoom(Exception):
    """One more would be too many. `reason` is what Lambda says of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RunningInvocations:
    """`limit`: how many invocations an account may run at a time in a region. `slots`: where several nodes run the
    functions, what their limits are counted by; None where this node is alone.
    """

    slots: SharedSlots | None = None

    def __init__(self, limit: int = ACCOUNT_LIMIT) -> None:
        self.limit = limit
        self._running: Counter[tuple[Scope, str]] = Counter()
        self._detached: set[asyncio.Task[Any]] = set()
        self._reserved: dict[tuple[Scope, str], int] = {}
        self._reserved_in: Counter[Scope] = Counter()
        self._unreserved_in: Counter[Scope] = Counter()

    def reserve(self, scope: Scope, name: str, most: int | None) -> None:
        """Note what is reserved for a function; None for nothing."""
        before = self._reserved.pop((scope, name), 0)
        self._reserved_in[scope] += (most or 0) - before
        if most:
            self._reserved[scope, name] = most

    def begin(self, scope: Scope, name: str, most: int | None) -> bool:
        """One more, until `end`, which gets what this returns: whether it is one of those without a reservation.

        Raises NoRoom when `most` of this function run already, or, where nothing is reserved for it (None), as many as
        the account's limit leaves.
        """
        key = (scope, name)
        if most is None:
            if self._unreserved_in[scope] >= self.limit - self._reserved_in[scope]:
                raise NoRoom(_ALL_RUN)
            self._unreserved_in[scope] += 1
        elif self._running[key] >= most:
            raise NoRoom(_ALL_RESERVED_RUN)
        self._running[key] += 1
        return most is None

    async def take_slot(self, scope: Scope, name: str, most: int | None) -> None:
        """After `begin`, with the same `most`, where there are `slots`.

        Raises NoRoom where as many as may run on all nodes together; then, and where anything else is raised, it has
        ended.
        """
        unreserved = most is None
        try:
            if most is None:
                most = self.limit - self._reserved_in[scope]
            if self.slots is None or not await self.slots.take(_limit_name(scope, name, unreserved), most):
                raise NoRoom(_ALL_RUN if unreserved else _ALL_RESERVED_RUN)
        except BaseException:
            self._count_end(scope, name, unreserved=unreserved)
            raise

    def end(self, scope: Scope, name: str, *, unreserved: bool) -> None:
        """Once for each `begin`, and `take_slot` after it, that raised nothing."""
        self._count_end(scope, name, unreserved=unreserved)
        if self.slots is not None:
            self.slots.give_back(_limit_name(scope, name, unreserved))

    def _count_end(self, scope: Scope, name: str, *, unreserved: bool) -> None:
        key = (scope, name)
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]
        if unreserved:
            self._unreserved_in[scope] -= 1
            if not self._unreserved_in[scope]:
                del self._unreserved_in[scope]

    def by_function(self) -> dict[tuple[Scope, str], int]:
        """How many invocations of each function run now."""
        return dict(self._running)

    def of(self, scope: Scope, name: str) -> int:
        """How many invocations of the function are under way."""
        return self._running[scope, name]

    @property
    def count(self) -> int:
        """Of all accounts."""
        return self._running.total()

    def detached(self, invocation: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """A task that goes on where its client does not wait any more."""
        task = asyncio.create_task(invocation)
        self._detached.add(task)
        task.add_done_callback(self._forget)
        return task

    def end_detached(self) -> None:
        """Cancel what nobody may be waiting for: the node stops."""
        for task in self._detached:
            task.cancel()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._detached.discard(task)
        if not task.cancelled():
            task.exception()  # seen here, for nobody may wait for it


def _limit_name(scope: Scope, name: str, unreserved: bool) -> str:
    if unreserved:
        return f"account concurrency {scope.account} {scope.region}"
    return f"reserved concurrency {scope.account} {scope.region} {name}"
