"""Does a backend tell its listeners what each commit touched, in order and in time?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from nightbus.aws.calls import Scope
from nightbus.store.interface import (
    Append,
    Conflict,
    DeleteRecord,
    Enqueue,
    LogName,
    PutRecord,
    QueueName,
    RecordName,
    RequireRecord,
    Store,
    Touched,
    TrimLog,
)

HERE = Scope("111111111111", "eu-west-1")

Opened = Callable[..., Awaitable[Store]]


class TestWatch:
    """Listeners learn what commits touched, in the order of the commits, before their callers go on."""

    async def test_the_records_of_a_kind_in_the_order_of_their_commits(self, store: Store) -> None:
        told: list[Touched | None] = []
        store.watch(told.append, ["rule"])
        await asyncio.gather(
            *(
                store.commit(PutRecord(HERE, kind, str(n), {}), Append(HERE, kind, 1, str(n).encode()))
                for n in range(20)
                for kind in ("rule", "bus")
            )
        )
        await store.commit(DeleteRecord(HERE, "rule", "0"))
        in_order = [entry.data.decode() for entry in await store.read(HERE, "rule")]
        expected = [RecordName(HERE, "rule", key) for key in [*in_order, "0"]]
        assert [record for one in told if one for record in one.records] == expected

    async def test_whoever_was_answered_was_heard_of_before(self, store: Store) -> None:
        told: list[RecordName] = []
        store.watch(lambda touched: told.extend(touched.records if touched else ()), ["k"])
        for n in range(50):
            await store.commit(PutRecord(HERE, "k", str(n), {}))
            assert told[-1].key == str(n)

    async def test_a_listener_finds_the_change(self, opened: Opened) -> None:
        store, found = await opened(), []

        def look(touched: Touched | None) -> None:
            assert touched is not None
            found.append(asyncio.ensure_future(store.get(*touched.records[0])))

        store.watch(look, ["k"])
        await store.commit(PutRecord(HERE, "k", "a", {"n": 1}))
        (record,) = [await one for one in found]
        assert record is not None
        assert record.value == {"n": 1}

    async def test_queues_and_logs_for_who_wants_them(self, store: Store) -> None:
        told: list[Touched | None] = []
        store.watch(told.append, queues=True, logs=True)
        queue, log = QueueName(HERE, "q"), LogName(HERE, "l")
        await store.commit(PutRecord(HERE, "k", "a", {}))
        await store.commit(Enqueue(HERE, "q", b"", 0), Enqueue(HERE, "q", b"", 0), Append(HERE, "l", 1, b""))
        (item, other) = await store.lease(HERE, "q", 2, 60_000)
        await store.commit(item.acknowledge())
        await store.commit(other.give_back(0), TrimLog(HERE, "l"))
        assert told == [Touched((), (queue,), (log,)), Touched((), (queue,)), Touched((), (queue,), (log,))]

    async def test_not_of_a_commit_that_came_to_nothing(self, store: Store) -> None:
        told: list[Touched | None] = []
        store.watch(told.append, ["k"])
        with pytest.raises(Conflict):
            await store.commit(PutRecord(HERE, "k", "a", {}), RequireRecord(HERE, "k", "b", 1))
        assert told == []

    async def test_not_after_its_end_and_not_for_other_listeners(self, store: Store) -> None:
        first: list[Touched | None] = []
        second: list[Touched | None] = []
        end = store.watch(first.append, ["k"])
        store.watch(second.append, ["k", "other"])
        await store.commit(PutRecord(HERE, "k", "a", {}), PutRecord(HERE, "other", "b", {}))
        end()
        end()
        await store.commit(PutRecord(HERE, "k", "c", {}))
        assert [one.records for one in first if one] == [(RecordName(HERE, "k", "a"),)]
        assert [len(one.records) for one in second if one] == [2, 1]

    async def test_a_listener_that_fails_harms_nobody(self, store: Store) -> None:
        told: list[Touched | None] = []

        def fail(touched: Touched | None) -> None:
            raise RuntimeError

        store.watch(fail, ["k"])
        store.watch(told.append, ["k"])
        await store.commit(PutRecord(HERE, "k", "a", {}))
        assert len(told) == 1

    async def test_also_of_a_commit_whose_caller_is_gone(self, store: Store) -> None:
        told = asyncio.Event()
        store.watch(lambda touched: told.set(), ["k"])
        caller = asyncio.ensure_future(store.commit(PutRecord(HERE, "k", "a", {})))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait_for(told.wait(), 10)
