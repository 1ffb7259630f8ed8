"""Reads the traffic of the scopes that somebody looks at, and nothing of the others.

The first look reads the end of each log, later ones what came since. So accepting events costs nothing for it, the
figures outlive a restart, and they are those of all nodes on the store. Only what goes from a topic to a queue, or from
a queue to its dead-letter queue, is that of this node since the first look. Nobody asked for two minutes: it is
forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from nightbus.aws.calls import Scope
from nightbus.aws.threads import LONG_TEXT
from nightbus.clock import Clock
from nightbus.console.traffic.folding import Fold
from nightbus.counters import HopCounts
from nightbus.delivery.rules import history_log, outcome_log
from nightbus.delivery.trace_log import BROUGHT, INVOKED, PUBLISHED, RAN, SENT
from nightbus.functions.logs.invocation_log import INVOCATIONS
from nightbus.store.interface import SYSTEM, Entry, Store

_MOST_AT_FIRST = 500  # entries of each log, which may have ten events each
_MOST_LATER = 10_000
_STEP = 2_000
_FRESH_SECONDS = 0.5
_FORGOTTEN_SECONDS = 120.0
_MOST_READERS = 20
_HISTORY, _OUTCOMES = history_log(""), outcome_log("")


class TrafficReader:
    """The traffic of one scope."""

    def __init__(
        self, store: Store, clock: Clock, time: Callable[[], float], scope: Scope, hops: HopCounts
    ) -> None:
        self.fold = Fold(scope)
        self.asked = time()
        self._hops = hops
        self._hops_before = {key: count[0] for key, count in hops.items()}
        self._store = store
        self._clock = clock
        self._time = time
        self._scope = scope
        self._read_to: dict[tuple[Scope, str], int] = {}
        self._lock = asyncio.Lock()
        self._read_at, self._has_looked = float("-inf"), False

    async def advance(self) -> Fold:
        """What came since is counted when this returns."""
        async with self._lock:
            if self._time() - self._read_at >= _FRESH_SECONDS:
                await self._advance()
                self._count_hops()
                self._read_at, self._has_looked = self._time(), True
        return self.fold

    async def _advance(self) -> None:
        """The buses' logs are read before the trace's: what an entry of theirs says was noted in the same commit."""
        fold = self.fold
        histories = await self._of_buses(_HISTORY)
        outcomes = await self._of_buses(_OUTCOMES)
        invocations = await self._new(self._scope, INVOCATIONS)
        steps: list[tuple[Callable[[Iterable[Entry]], None], Sequence[Entry]]] = []
        for fold_log, log in (
            (fold.published, PUBLISHED),
            (fold.sent, SENT),
            (fold.asked, INVOKED),
            (fold.brought, BROUGHT),
            (fold.ran, RAN),
        ):
            steps.append((fold_log, await self._new(SYSTEM, log)))
        steps.append((fold.invocations, invocations))
        size = sum(len(one.data) for _, entries in steps for one in entries)
        size += sum(len(one.data) for entries in (*histories.values(), *outcomes.values()) for one in entries)

        def count() -> None:
            for fold_log, entries in steps:
                fold_log(entries)
            for bus, entries in outcomes.items():
                fold.outcomes(bus, entries)
            for bus, entries in histories.items():
                fold.deliveries(bus, entries)
            for bus, entries in histories.items():
                fold.history(bus, entries)
            fold.counts.forget(self._clock.now_ms())
            fold.unfinished.forget(self._clock.now_ms())

        if size > LONG_TEXT:
            await asyncio.to_thread(count)
        else:
            count()

    def _count_hops(self) -> None:
        """What no log tells of is counted in memory, since this node's start, and shown from the first look on."""
        second_before = self._clock.now_ms() - 1000  # somebody who looks does so each second
        for key, count in list(self._hops.items()):
            passed = count[0] - self._hops_before.get(key, 0)
            if passed:
                self._hops_before[key] = count[0]
                self.fold.hop(*key, second_before, passed)

    async def _of_buses(self, prefix: str) -> dict[str, Sequence[Entry]]:
        names = await self._store.logs(self._scope, prefix)
        return {name.removeprefix(prefix): await self._new(self._scope, name) for name in names}

    async def _new(self, scope: Scope, log: str) -> Sequence[Entry]:
        """What was appended since the last time, at most so much: a log that grows faster is shown from its end."""
        after = self._read_to.get((scope, log), 0 if self._has_looked else None)  # 0: the log is a new one
        entries: list[Entry] = []
        if after is not None:
            entries = await self._store.read(scope, log, after=after, limit=_STEP)
            while len(entries) % _STEP == 0 and entries and len(entries) < _MOST_LATER:
                more = await self._store.read(scope, log, after=entries[-1].offset, limit=_STEP)
                if not more:
                    break
                entries += more
        if after is None or len(entries) >= _MOST_LATER:
            last = await self._store.read(scope, log, limit=_MOST_AT_FIRST, backwards=True)
            known = entries[-1].offset if entries else 0
            entries += [one for one in reversed(last) if one.offset > known]
        self._read_to[scope, log] = entries[-1].offset if entries else after or 0
        return entries


class TrafficReaders:
    """The readers of the scopes that somebody looks at.

    `time` says, in seconds, when somebody looked last: by default the event loop's, which goes on where a test has
    stopped the node's clock.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        time: Callable[[], float] | None = None,
        hops: HopCounts | None = None,
    ) -> None:
        self._store = store
        self._hops = HopCounts() if hops is None else hops
        self._clock = clock
        self._time = time or asyncio.get_running_loop().time
        self._readers: dict[Scope, TrafficReader] = {}

    async def of(self, scope: Scope) -> Fold:
        """The traffic of a scope as it is now."""
        now = self._time()
        for other in [key for key, one in self._readers.items() if one.asked < now - _FORGOTTEN_SECONDS]:
            del self._readers[other]
        reader = self._readers.get(scope)
        if reader is None:
            if len(self._readers) >= _MOST_READERS:
                del self._readers[min(self._readers, key=lambda one: self._readers[one].asked)]
            reader = self._readers[scope] = TrafficReader(
                self._store, self._clock, self._time, scope, self._hops
            )
        reader.asked = now
        return await reader.advance()

    def in_memory(self) -> dict[str, int]:
        return {
            "scopes whose traffic is read": len(self._readers),
            "edges with traffic": sum(len(one.fold.counts) for one in self._readers.values()),
            "deliveries that failed": sum(len(one.fold.unfinished) for one in self._readers.values()),
        }
