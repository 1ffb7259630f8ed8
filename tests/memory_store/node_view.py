"""Implements the store's interface over a shared cluster, as one of its nodes has it.

Slow on purpose: before and after each call others go on, for some turns of the loop and now and then for some
milliseconds. The node that commits hears of it before its caller is answered. The others hear soon after, in the order
of the commits; now and then the news is lost, and they hear that everything may have changed.
"""

from __future__ import annotations

import asyncio
import builtins
import hashlib
import io
import random
from collections import Counter, deque
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from contextlib import suppress
from typing import BinaryIO

import orjson

from memory_store.cluster import MemoryCluster
from nightbus.aws.calls import Scope
from nightbus.clock import Clock
from nightbus.store.feed import Feed
from nightbus.store.interface import (
    Acknowledge,
    Blob,
    Change,
    Counts,
    Enqueue,
    EnqueueMany,
    Entry,
    GiveBack,
    Item,
    Lease,
    Listener,
    QueuedItem,
    QueueName,
    Record,
    StoreClosed,
    TrimQueue,
)
from nightbus.store.ranges import Range

_MOST_TURNS = 5
_OFTEN_SLOW = 0.02  # of the calls
_SLOW_SECONDS = 0.004
_LATEST_NEWS_SECONDS = 0.005
_OFTEN_LOST = 0.02  # of the news


class MemoryStore:
    """`clock` is this node's. Commits of a node that has closed are refused. `slow`: as the module says."""

    def __init__(self, cluster: MemoryCluster, clock: Clock, *, slow: bool = True) -> None:
        self._slow = slow
        self._cluster = cluster
        self._clock = clock
        self._feed = Feed()
        self._news: deque[Sequence[Change] | None] = deque()
        self._telling = False
        self._caught_up = asyncio.Event()
        self._caught_up.set()
        self._waiting: dict[QueueName, set[asyncio.Future[None]]] = {}
        self._committing: set[asyncio.Task[None]] = set()
        self._closed = False
        cluster.members.append(self)

    def announce(self, port: int) -> None:
        """There is no folder in which somebody could look for it."""

    # What the cluster tells this node.

    def committed(self, changes: Sequence[Change], *, own: bool) -> None:
        if own and not self._news:
            return self._tell(changes)
        self._news.append(changes if own or random.random() >= _OFTEN_LOST else None)
        if own:  # before its caller is answered, and after all that was committed before
            while self._news:
                self._tell(self._news.popleft())
            self._caught_up.set()
            return None
        self._caught_up.clear()
        if not self._telling:
            self._telling = True
            asyncio.get_running_loop().call_later(random.random() * _LATEST_NEWS_SECONDS, self._tell_all)
        return None

    def _tell_all(self) -> None:
        self._telling = False
        while self._news:
            self._tell(self._news.popleft())
        self._caught_up.set()

    def _tell(self, changes: Sequence[Change] | None) -> None:
        if changes is None:
            self._feed.everything_may_have_changed()
            for name in list(self._waiting):
                self._wake(name)
            return
        self._feed.committed(changes, collected=False)
        for change in changes:
            if isinstance(change, Enqueue | EnqueueMany | Acknowledge | GiveBack | TrimQueue):
                self._wake(QueueName(change.scope, change.queue))

    async def caught_up(self) -> None:
        """Until this node has heard of every commit up to now."""
        await self._caught_up.wait()

    def lease_changed(self, name: QueueName) -> None:
        self._wake(name)

    def _wake(self, name: QueueName) -> None:
        for woken in self._waiting.get(name, ()):
            if not woken.done():
                woken.set_result(None)

    # The interface.

    def watch(
        self, listener: Listener, kinds: Collection[str] = (), *, queues: bool = False, logs: bool = False
    ) -> Callable[[], None]:
        return self._feed.watch(listener, kinds, queues=queues, logs=logs)

    async def commit(self, *changes: Change, patience: float = 0.0) -> None:
        if self._closed:
            raise StoreClosed
        if not changes:
            return
        committing = asyncio.ensure_future(self._commit(changes))
        self._committing.add(committing)
        committing.add_done_callback(self._committing.discard)
        await asyncio.shield(committing)  # whoever waits may be cancelled; the commit goes on
        await self._let_others_go_on()

    async def _commit(self, changes: Sequence[Change]) -> None:
        await self._let_others_go_on()
        self._cluster.commit(changes, self)

    async def get(self, scope: Scope, kind: str, key: str) -> Record | None:
        await self._let_others_go_on()
        found = self._cluster.records.get((scope, kind), {}).get(key)
        await self._let_others_go_on()
        return None if found is None else Record(key, orjson.loads(found[0]), found[1])

    async def list(
        self, scope: Scope, kind: str, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[Record]:
        await self._let_others_go_on()
        found = [
            Record(key, orjson.loads(value), revision)
            for key, (value, revision) in self._cluster.records.get((scope, kind), {}).items()
            if key.startswith(prefix) and (not after or key.encode() > after.encode())
        ]
        await self._let_others_go_on()
        return sorted(found, key=lambda record: record.key.encode())[:limit]

    async def count_records(self, scope: Scope, kind: str) -> int:
        await self._let_others_go_on()
        return len(self._cluster.records.get((scope, kind), {}))

    async def scopes(self, kind: str) -> builtins.list[Scope]:
        await self._let_others_go_on()
        return [
            scope for (scope, of_kind), found in self._cluster.records.items() if of_kind == kind and found
        ]

    async def read(
        self,
        scope: Scope,
        logs: str | Sequence[str],
        *,
        after: int = 0,
        since: int | None = None,
        until: int | None = None,
        key: str | None = None,
        limit: int = 1000,
        backwards: bool = False,
    ) -> builtins.list[Entry]:
        await self._let_others_go_on()
        wanted = Range(after, since, until, key, limit, backwards)
        if isinstance(logs, str):
            found = sorted(self._entries(scope, logs, wanted), key=lambda entry: entry.offset)
        else:
            found = [entry for name in dict.fromkeys(logs) for entry in self._entries(scope, name, wanted)]
            found.sort(key=lambda entry: (entry.time, entry.offset, entry.log))
        await self._let_others_go_on()
        return (found[::-1] if backwards else found)[:limit]

    def _entries(self, scope: Scope, log: str, wanted: Range) -> builtins.list[Entry]:
        return [
            entry
            for entry in self._cluster.logs.get((scope, log), ())
            if (not wanted.after or (entry.offset > wanted.after) is not wanted.backwards)
            and entry.offset != wanted.after
            and (wanted.since is None or entry.time >= wanted.since)
            and (wanted.until is None or entry.time < wanted.until)
            and (wanted.key is None or entry.key == wanted.key)
        ]

    async def log_sizes(self, scope: Scope, log: str, step_ms: int) -> dict[int, int]:
        await self._let_others_go_on()
        sizes: Counter[int] = Counter()
        for entry in self._cluster.logs.get((scope, log), ()):
            sizes[entry.time // step_ms * step_ms] += len(entry.data)
        return dict(sizes)

    async def logs(self, scope: Scope, prefix: str = "") -> builtins.list[str]:
        await self._let_others_go_on()
        names = [name for of_scope, name in self._cluster.logs if of_scope == scope]
        return sorted((name for name in names if name.startswith(prefix)), key=str.encode)

    async def log_scopes(self) -> builtins.list[Scope]:
        await self._let_others_go_on()
        return [scope for scope in self._cluster.log_scopes if scope.account]

    async def lease(
        self, scope: Scope, queue: str, limit: int, lease_ms: int, wait: float = 0.0, by_group: bool = False
    ) -> builtins.list[Item]:
        await self._let_others_go_on()
        name, deadline = QueueName(scope, queue), self._clock.monotonic() + wait
        while not self._closed:
            offered = self._cluster.queue(name)
            found = offered.take(limit, self._clock.now_ms(), lease_ms, by_group)
            rest = deadline - self._clock.monotonic()
            if found or rest <= 0:
                return found  # at once: who is cancelled after a lease would have taken it for nobody
            next_time = offered.next_time()
            if next_time is not None:
                rest = min(rest, max(0.001, (next_time - self._clock.now_ms()) / 1000))
            await self._woken_within(name, rest)
        return []

    async def _woken_within(self, name: QueueName, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        self._waiting.setdefault(name, set()).add(woken)
        try:
            await asyncio.wait({woken, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waiting = self._waiting[name]
            waiting.discard(woken)
            if not waiting:
                del self._waiting[name]

    async def lease_one(
        self, scope: Scope, queue: str, item: int, lease_ms: int, group: str | None = None
    ) -> Item | None:
        await self._let_others_go_on()
        now = self._clock.now_ms()
        return self._cluster.queue(QueueName(scope, queue)).take_one(item, now, lease_ms, group)

    async def peek(
        self,
        scope: Scope,
        queue: str,
        limit: int,
        *,
        beyond: tuple[int, int] | None = None,
        backwards: bool = False,
        items: Collection[int] | None = None,
    ) -> builtins.list[QueuedItem]:
        await self._let_others_go_on()
        found = self._cluster.queue(QueueName(scope, queue)).peek(self._clock.now_ms())
        if backwards:
            found.reverse()
        wanted = [
            one
            for one in found
            if (items is None or one.id in items)
            and (beyond is None or ((one.due, one.id) < beyond if backwards else (one.due, one.id) > beyond))
        ]
        await self._let_others_go_on()
        return wanted[:limit]

    async def lease_again(
        self, scope: Scope, queue: str, item: int, token: int, lease_ms: int, data: bytes | None = None
    ) -> Item | None:
        await self._let_others_go_on()
        leased = self._cluster.queue(QueueName(scope, queue))
        return leased.lease_again(item, token, self._clock.now_ms(), lease_ms)

    async def change_lease(
        self,
        scope: Scope,
        queue: str,
        item: int,
        ends: int,
        token: int | None = None,
        *,
        renewed: bool = False,
    ) -> bool:
        await self._let_others_go_on()
        name = QueueName(scope, queue)
        changed = self._cluster.queue(name).change_lease(item, ends, token)
        if changed:
            for member in self._cluster.members:
                member.lease_changed(name)
        await self._let_others_go_on()
        return changed

    async def newest_lease(self, scope: Scope, queue: str, item: int) -> Lease | None:
        await self._let_others_go_on()
        found = self._cluster.queue(QueueName(scope, queue)).newest_lease(item)
        await self._let_others_go_on()
        return found

    async def count(self, scope: Scope, queue: str) -> Counts:
        await self._let_others_go_on()
        return self._cluster.queue(QueueName(scope, queue)).count(self._clock.now_ms())

    async def leased(self, scope: Scope, queue: str, most: int) -> int:
        return min(most, (await self.count(scope, queue)).leased)

    async def oldest_due(self, scope: Scope, queue: str) -> int | None:
        await self._let_others_go_on()
        return self._cluster.queue(QueueName(scope, queue)).oldest_due(self._clock.now_ms())

    def untaken(self, scope: Scope, queue: str) -> int:
        return self._cluster.queue(QueueName(scope, queue)).untaken(self._clock.now_ms())

    async def put_blob(self, data: bytes | AsyncIterable[bytes]) -> Blob:
        if not isinstance(data, bytes | bytearray | memoryview):
            data = b"".join([chunk async for chunk in data])
        await self._let_others_go_on()
        kept = bytes(data)
        digest = hashlib.sha256(kept).hexdigest()
        self._cluster.put_blob(digest, kept)
        return Blob(digest, len(kept), hashlib.md5(kept, usedforsecurity=False).hexdigest())

    async def open_blob(self, digest: str) -> BinaryIO:
        await self._let_others_go_on()
        return io.BytesIO(self._cluster.blobs[digest])

    async def rows(self) -> dict[str, int]:
        await self._let_others_go_on()
        counts: Counter[str] = Counter()
        for (_, kind), records in self._cluster.records.items():
            counts[f"record {kind}"] += len(records)
        counts["name log"] = len(self._cluster.logs)
        counts["name queue"] = len(self._cluster.queues)
        counts["entry"] = sum(map(len, self._cluster.logs.values()))
        counts["item"] = sum(len(queue.items) for queue in self._cluster.queues.values())
        counts["blob_owner"] = sum(map(len, self._cluster.owners.values()))
        return dict(counts)

    def in_memory(self) -> dict[str, int]:
        items = [item for queue in self._cluster.queues.values() for item in queue.items.values()]
        return {
            "queues waited for": len(self._waiting),
            "commits not heard of yet": len(self._news),
            "items leased": sum(item.held for item in items),
            "items counted": sum(item.attempt > 0 for item in items),
        }

    def under_way(self) -> dict[str, int]:
        """No commit waits for a disk; of what is leased, nobody asks here whose it is."""
        return {}

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for name in list(self._waiting):
            self._wake(name)
        with suppress(Exception):
            await asyncio.gather(*self._committing, return_exceptions=True)
        self._cluster.members.remove(self)

    async def _let_others_go_on(self) -> None:
        if not self._slow:
            return
        if random.random() < _OFTEN_SLOW:
            await asyncio.sleep(random.random() * _SLOW_SECONDS)
        for _ in range(random.randrange(_MOST_TURNS)):
            await asyncio.sleep(0)
