"""What may long-lived objects remember? So much and no more.

A cache of something that can be read again is a `Bounded` map: at its limit the oldest entry goes, and is read again
when it is asked for. `Locks` keeps a lock only while somebody holds it or waits for it. `Seldom` decides when a line of
the log is written again that a client could cause a thousand times a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Bounded(dict[K, V]):
    """A dict of at most `most` entries; only `map[key] = value` adds to it. Reading costs what a dict's does."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > self._most:
            del self[next(iter(self))]


class Locks(Generic[K]):
    """A lock for each key."""

    def __init__(self) -> None:
        self._locks: dict[K, tuple[asyncio.Lock, int]] = {}  # with how many hold it or wait for it

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
    """Whether something is to be said again: each thing once in `every_ms`, at most `most` things in that time."""

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
