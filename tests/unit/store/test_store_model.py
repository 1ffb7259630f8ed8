"""Does the store say what plain dicts and lists would, whatever is done in whatever order, restarts included?"""

from __future__ import annotations

import asyncio
import functools
import itertools
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.store.interface import (
    Acknowledge,
    Append,
    Change,
    Conflict,
    DeleteRecord,
    Enqueue,
    GiveBack,
    PutRecord,
    Store,
    TrimLog,
)
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.store import PostgresStore
from nightbus.store.sqlite.store import SqliteStore
from postgres_server import postgres_server

T = TypeVar("T")

SCOPES = st.sampled_from([Scope("1", "a"), Scope("1", "b")])
KEYS = st.sampled_from(["a", "b", "ä", ""])
LOGS = st.sampled_from(["l", "m"])
TIMES = st.integers(0, 9)
EXPECT = st.one_of(st.none(), st.integers(0, 3))
RECORD_CHANGES = st.one_of(
    st.builds(PutRecord, SCOPES, st.just("k"), KEYS, st.dictionaries(KEYS, TIMES), EXPECT),
    st.builds(DeleteRecord, SCOPES, st.just("k"), KEYS, EXPECT),
)
LOG_CHANGES = st.one_of(
    st.builds(Append, SCOPES, LOGS, TIMES, st.binary(max_size=4), KEYS),
    st.builds(TrimLog, SCOPES, LOGS, st.one_of(st.none(), TIMES)),
)

Records = dict[tuple[Scope, str], tuple[dict[str, Any], int]]
Logs = dict[tuple[Scope, str], list[tuple[int, bytes, str]]]


class StoreMachine(RuleBasedStateMachine):
    leases_last = False  # when a node ends

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = VirtualClock()
        self.records: Records = {}
        self.logs: Logs = {}
        self.items: dict[int, tuple[bytes, int]] = {}
        self.leased: set[int] = set()
        self.open()

    def open(self) -> None:
        self.store: Store = self.run(self.opened())

    async def opened(self) -> Store:
        return SqliteStore.open(Path(self.folder.name), self.clock, durable=False)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()

    @rule(changes=st.lists(st.one_of(RECORD_CHANGES, LOG_CHANGES), max_size=5))
    def commit(self, changes: list[Change]) -> None:
        records, logs = dict(self.records), {name: list(found) for name, found in self.logs.items()}
        try:
            for change in changes:
                _apply(records, logs, change)
        except Conflict:
            try:
                self.run(self.store.commit(*changes))
            except Conflict:
                return
            raise AssertionError("no conflict") from None
        self.run(self.store.commit(*changes))
        self.records, self.logs = records, logs

    @rule(data=st.binary(max_size=3), delay=st.integers(-3, 3))
    def enqueue(self, data: bytes, delay: int) -> None:
        self.run(self.store.commit(Enqueue(Scope("1", "a"), "q", data, self.clock.now_ms() + delay * 1000)))
        newest = max(item.id for item in self.run(self.store.peek(Scope("1", "a"), "q", 1000)))
        self.items[newest] = (data, self.clock.now_ms() + delay * 1000)

    @rule(limit=st.integers(1, 3))
    def lease(self, limit: int) -> None:
        now = self.clock.now_ms()
        free = [
            (due, item) for item, (_, due) in self.items.items() if due <= now and item not in self.leased
        ]
        got = self.run(self.store.lease(Scope("1", "a"), "q", limit, 10**9))
        assert [(one.due, one.id) for one in got] == sorted(free)[:limit]
        assert all(one.data == self.items[one.id][0] for one in got)
        self.leased |= {one.id for one in got}

    @rule(which=st.integers(0, 9), done=st.booleans(), delay=st.integers(-2, 2))
    def settle(self, which: int, done: bool, delay: int) -> None:
        if not self.leased:
            return
        item = sorted(self.leased)[which % len(self.leased)]
        self.leased.discard(item)
        due = self.clock.now_ms() + delay * 1000
        if done:
            del self.items[item]
            self.run(self.store.commit(Acknowledge(Scope("1", "a"), "q", item)))
        else:
            data = self.items[item][0] if delay else b"new"
            self.items[item] = (data, due)
            self.run(self.store.commit(GiveBack(Scope("1", "a"), "q", item, due, None if delay else b"new")))

    @rule(seconds=st.integers(1, 3))
    def advance(self, seconds: int) -> None:
        self.run(self.clock.advance(seconds))

    @rule()
    def restart(self) -> None:
        self.run(self.store.close())
        if not self.leases_last:
            self.leased.clear()
        self.open()

    @rule(log=LOGS, scope=SCOPES, since=TIMES, until=TIMES, limit=st.integers(1, 5), backwards=st.booleans())
    def read(self, log: str, scope: Scope, since: int, until: int, limit: int, backwards: bool) -> None:
        entries = self.logs.get((scope, log), [])
        wanted = [one for one in (entries[::-1] if backwards else entries) if since <= one[0] < until][:limit]
        options = {"since": since, "until": until, "limit": limit, "backwards": backwards}
        found = self.run(self.store.read(scope, log, **options))  # type: ignore[arg-type]
        assert [(one.time, one.data, one.key) for one in found] == wanted

    @invariant()
    def records_agree(self) -> None:
        for scope in (Scope("1", "a"), Scope("1", "b")):
            wanted = [
                (key, *self.records[at, key])
                for at, key in sorted(self.records, key=lambda one: one[1].encode())
                if at == scope
            ]
            found = self.run(self.store.list(scope, "k"))
            assert [(one.key, one.value, one.revision) for one in found] == wanted
            assert set(self.run(self.store.logs(scope))) == {
                name for (at, name), entries in self.logs.items() if at == scope and entries
            }


def _apply(records: Records, logs: Logs, change: Change) -> None:
    match change:
        case PutRecord() | DeleteRecord():
            name = (change.scope, change.key)
            revision = records.get(name, ({}, 0))[1]
            if change.expect is not None and change.expect != revision:
                raise Conflict(change.kind, change.key)
            if isinstance(change, PutRecord):
                records[name] = (change.value, revision + 1)
            else:
                records.pop(name, None)
        case Append():
            logs.setdefault((change.scope, change.log), []).append((change.time, change.data, change.key))
        case TrimLog():
            kept = [
                one
                for one in logs.get((change.scope, change.log), [])
                if change.before is not None and one[0] >= change.before
            ]
            logs[change.scope, change.log] = kept


@functools.cache
def _database() -> str:
    server = postgres_server()
    return server.url(server.make_database())


class PostgresMachine(StoreMachine):
    leases_last = True
    schemas = itertools.count(1)

    def __init__(self) -> None:
        self.schema = f"model_{next(self.schemas)}"
        super().__init__()

    async def opened(self) -> Store:
        return await PostgresStore.open(Database(_database(), schema=self.schema), self.clock)


TestPostgresMachine = PostgresMachine.TestCase
TestPostgresMachine.settings = settings(
    max_examples=3, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=25, stateful_step_count=25, suppress_health_check=list(HealthCheck)
)
