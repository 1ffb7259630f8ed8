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
CALLED_MS = 5_000  # how long a slot is kept for an item that was called


class Shares(Generic[T]):
    """`total` slots for all keys together, at most `of_one` for one of them. Times are UTC ms."""

    def __init__(self, total: int, of_one: int) -> None:
        self._free = total
        self._of_one = of_one
        self._running = Counter[str]()  # those that were called, too
        self._waiting: dict[str, dict[T, None]] = {}  # keys in the order of their turns
        self._called: dict[T, tuple[str, int]] = {}  # the keys of items that have their slot, and until when

    def begin(self, key: str, item: T, now: int = 0) -> bool:
        """Whether the item may begin, after which `end` is to follow; else it waits, and an `end` calls it."""
        self._take_back(now)
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

    def end(self, key: str, now: int = 0) -> list[T]:
        """Something of the key has ended. The items whose turn it is now: each has its slot for some seconds, and is to
        `begin`."""
        self._release(key)
        return self.call(now)

    def call(self, now: int = 0) -> list[T]:
        """The items whose turn it is now, those in place of called ones that did not come among them."""
        self._take_back(now)
        return [self._call(key, now) for key in list(self._waiting) if self._has_room(key)]

    @property
    def has_called(self) -> bool:
        """Whether items were called that did not begin yet."""
        return bool(self._called)

    def gone(self, item: T, now: int = 0) -> list[T]:
        """An item that was called is somebody else's. The items whose turn it is instead; none where its slot was taken
        back meanwhile."""
        called = self._called.pop(item, None)
        return [] if called is None else self.end(called[0], now)

    def _has_room(self, key: str) -> bool:
        return self._running[key] < min(self._of_one, self._free)

    def _take(self, key: str) -> None:
        self._free -= 1
        self._running[key] += 1

    def _release(self, key: str) -> None:
        self._free += 1
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]

    def _call(self, key: str, now: int) -> T:
        """The first that waits for the key, which then comes last among the keys."""
        waiting = self._waiting.pop(key)
        item = next(iter(waiting))
        del waiting[item]
        if waiting:
            self._waiting[key] = waiting
        self._take(key)
        self._called[item] = (key, now + CALLED_MS)
        return item

    def _take_back(self, now: int) -> None:
        """The slots of items that were called and did not come: another node leased them first."""
        while self._called:
            item, (key, until) = next(iter(self._called.items()))
            if until > now:
                return
            del self._called[item]
            self._release(key)
