"""Keeps values that were made of records, each until a commit touches a record that it was made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Hashable
from typing import Generic, TypeVar

from nightbus.bounded import Bounded
from nightbus.store.interface import RecordName, Store, Touched

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MOST_READS = 3  # of records that change all the time; then what was read last is given, and not kept


class RecordCache(Generic[K, V]):
    """At most `most` values, by key.

    `load` reads a value from the store, None where there is none, which is not kept. `kinds` are the kinds of the
    records that values are made of, and `key_of` gives the key of the value that a record belongs to.
    """

    def __init__(
        self,
        store: Store,
        most: int,
        kinds: Collection[str],
        key_of: Callable[[RecordName], K],
        load: Callable[[K], Awaitable[V | None]],
    ) -> None:
        self._values: Bounded[K, V] = Bounded(most)
        self._key_of = key_of
        self._load = load
        self._changes = 0
        self.peek = self._values.get  # the value that is kept, without reading
        self.values = self._values.values
        store.watch(self._touched, kinds)

    async def find(self, key: K) -> V | None:
        """The value as it is now, or None where there is none."""
        value = self._values.get(key)
        return value if value is not None else await self._read(key)

    async def _read(self, key: K) -> V | None:
        value = None
        for _ in range(MOST_READS):
            before = self._changes
            value = await self._load(key)
            if self._changes == before:  # else what was read may be old, or of two moments
                if value is not None:
                    self._values[key] = value
                break
        return value

    def _touched(self, touched: Touched | None) -> None:
        self._changes += 1
        if touched is None:
            self._values.clear()
        else:
            for record in touched.records:
                self._values.pop(self._key_of(record), None)

    def __len__(self) -> int:
        return len(self._values)
