"""Keeps records as they were read, each until a commit touches it, also that there is none.

For what every invocation or delivery reads. A read of the store takes microseconds, but gives up Python's lock, which
the thread that writes may then hold for milliseconds.
"""

from __future__ import annotations

from collections.abc import Collection

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded
from nightbus.store.interface import Record, RecordName, Store, Touched


class KnownRecords:
    """The records of some kinds, at most `most`. Their values are shared: callers must not change them."""

    def __init__(self, store: Store, kinds: Collection[str], most: int = 10_000) -> None:
        self._store = store
        self._kinds = frozenset(kinds)
        self._known: Bounded[RecordName, tuple[Record | None]] = Bounded(most)
        self._changes = 0
        store.watch(self._touched, kinds)

    async def get(self, scope: Scope, kind: str, key: str) -> Record | None:
        """The record, as `Store.get` returns it. Raises KeyError for a kind that is not kept here."""
        if kind not in self._kinds:
            raise KeyError(kind)
        name = RecordName(scope, kind, key)
        cached = self._known.get(name)
        if cached is not None:
            return cached[0]
        before = self._changes
        record = await self._store.get(scope, kind, key)
        if self._changes == before:  # else what was read may be old already
            self._known[name] = (record,)
        return record

    def _touched(self, touched: Touched | None) -> None:
        self._changes += 1
        if touched is None:
            self._known.clear()
        else:
            for record in touched.records:
                self._known.pop(record, None)

    def in_memory(self) -> dict[str, int]:
        services = sorted({kind.partition("/")[0] for kind in self._kinds})
        return {f"known records of {', '.join(services)}": len(self._known)}
