"""Decides whether another piece of work may begin for a target, endpoint or function, or waits for a slot.

All keys share one pool of slots. A key may have as many running as there are slots free, and `of_one` at most: the
dynamic threshold of switches with shared memory (Choudhury and Hahne, 1998). So n keys that hang hold total / (n + 1)
slots each and leave as many free, and a key that comes new finds room however many hang. Those that wait are kept as
names only, in the order in which they came, per key; keys take turns. Nothing here waits, and nothing is kept of a
key that has nothing running and nothing waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)  # the name of an item


class Shares(Generic[T]):
    """`total` slots for all keys together, at most `of_one` for one of them."""

    def __init__(self, total: int, of_one: int) -> None:
        self._free = total
        self._of_one = of_one
        self._running = Counter[str]()  # those that were called, too
        self._waiting: dict[str, dict[T, None]] = {}  # keys in the order of their turns
        self._called: dict[T, str] = {}  # items that have their slot and did not begin, with their keys

    def begin(self, key: str, item: T) -> bool:
        """Whether the item may begin, after which `end` is to follow; else it waits, and an `end` calls it."""
        if self._called.pop(item, None) is not None:
            return True
        waiting = self._waiting.get(key)
        first = waiting is None or next(iter(waiting)) == item
        # Where nothing of the key runs, nothing would call those that wait; another node may have them.
        if (first or not self._running[key]) and self._has_room(key):
            self.leave(key, item)
            self._take(key)
            return True
        self._waiting.setdefault(key, {})[item] = None
        return False

    def leave(self, key: str, item: T) -> None:
        """The item waits no longer."""
        waiting = self._waiting.get(key, {})
        waiting.pop(item, None)
        if not waiting:
            self._waiting.pop(key, None)

    def end(self, key: str) -> list[T]:
        """Something of the key has ended. The items whose turn it is now: each has its slot and is to `begin`, or to be
        reported `gone`."""
        self._free += 1
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]
        return [self._call(waiting) for waiting in list(self._waiting) if self._has_room(waiting)]

    def gone(self, item: T) -> list[T]:
        """An item that was called does not begin. The items whose turn it is instead."""
        key = self._called.pop(item, None)
        return [] if key is None else self.end(key)

    def _has_room(self, key: str) -> bool:
        return self._running[key] < min(self._of_one, self._free)

    def _take(self, key: str) -> None:
        self._free -= 1
        self._running[key] += 1

    def _call(self, key: str) -> T:
        """The first that waits for the key, which then comes last among the keys."""
        waiting = self._waiting.pop(key)
        item = next(iter(waiting))
        del waiting[item]
        if waiting:
            self._waiting[key] = waiting
        self._take(key)
        self._called[item] = key
        return item
