"""Provides maps, locks and log lines whose number has a limit, for objects that live as long as the node.

A cache of what can be read again is a `Bounded` map: at its limit it drops the oldest entry. A `BoundedWeight` is one
whose entries are as large as a client makes them. `Locks` keeps a lock only while a task holds it or waits for it.
`Seldom` decides when to write a log line again that a client could cause a thousand times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(dict[K, V]):
    """A dict of at most `most` entries. Only `map[key] = value` may add to it. A read costs as much as a dict's."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]


class BoundedWeight(Bounded[K, V]):
    """A `Bounded` map whose keys weigh at most `heaviest` together: `weight` says what one does."""

    def __init__(self, most: int, heaviest: int, weight: Callable[[K], int]) -> None:
        super().__init__(most)
        self.weight = 0
        self._heaviest = heaviest
        self._weight_of = weight

    def __setitem__(self, key: K, value: V) -> None:
        if key not in self:
            self.weight += self._weight_of(key)
        super().__setitem__(key, value)
        while self.weight > self._heaviest and len(self) > 1:
            del self[next(iter(self))]

    def __delitem__(self, key: K) -> None:
        super().__delitem__(key)
        self.weight -= self._weight_of(key)


class Locks(Generic[K]):
    """A lock for each key."""

    def __init__(self) -> None:
        self._locks: dict[
            K, tuple[asyncio.Lock, int]
        ] = {}  # lock, number of tasks that hold it or wait for it

    def __len__(self) -> int:
        return len(self._locks)

    @asynccontextmanager
    async def holding(self, key: K) -> AsyncIterator[None]:
        lock, users = self._locks.get(key) or (asyncio.Lock(), 0)
        self._locks[key] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            users = self._locks[key][1] - 1
            if users:
                self._locks[key] = (lock, users)
            else:
                del self._locks[key]


class Seldom(Generic[K]):
    """Decides whether to repeat a log line: each key once in `every_ms` ms, and at most `most` keys in that time."""

    def __init__(self, every_ms: int, most: int) -> None:
        self._every_ms = every_ms
        self._most = most
        self._since = 0
        self._said: set[K] = set()

    def is_due(self, what: K, now_ms: int) -> bool:
        if not self._since <= now_ms < self._since + self._every_ms:
            self._since = now_ms
            self._said.clear()
        if what in self._said or len(self._said) >= self._most:
            return False
        self._said.add(what)
        return True
