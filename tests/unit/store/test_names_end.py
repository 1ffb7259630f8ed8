"""Names of queues and logs go when nothing lies under them, and what has ended takes nothing more."""

from __future__ import annotations

import asyncio

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.store.interface import (
    Append,
    Change,
    Conflict,
    Ended,
    Enqueue,
    EnqueueMany,
    RequireRecord,
    Store,
    TrimLog,
    TrimQueue,
)

HERE = Scope("111111111111", "eu-west-1")


async def names(store: Store) -> int:
    rows = await store.rows()
    return rows.get("name log", 0) + rows.get("name queue", 0)


async def test_a_name_goes_with_the_last_entry_and_with_the_whole_queue(store: Store) -> None:
    await store.commit(Append(HERE, "log", 5, b"x"), Enqueue(HERE, "q", b"x", 0))
    assert await names(store) == 2
    await store.commit(TrimLog(HERE, "log", 5), TrimQueue(HERE, "q", 0))
    assert await names(store) == 2
    await store.commit(TrimLog(HERE, "log", 6), TrimQueue(HERE, "q"))
    assert await names(store) == 0
    await store.commit(Append(HERE, "log", 7, b"y"), Enqueue(HERE, "q", b"y", 0))
    assert [entry.data for entry in await store.read(HERE, "log")] == [b"y"]
    assert [item.data for item in await store.lease(HERE, "q", 9, 1000)] == [b"y"]


async def test_trimming_what_is_not_there_makes_no_name(store: Store) -> None:
    await store.commit(
        TrimLog(HERE, "log", 5), TrimQueue(HERE, "q", 5), TrimLog(HERE, "other"), TrimQueue(HERE, "p")
    )
    assert await names(store) == 0


async def test_nothing_is_added_to_a_queue_or_a_log_that_has_ended(store: Store) -> None:
    await store.commit(Enqueue(HERE, "q", b"x", 0), Append(HERE, "log", 1, b"x"))
    ending: list[Change] = [TrimQueue(HERE, "q", ended=True), TrimLog(HERE, "log", ended=True)]
    late: list[list[Change]] = [
        [Enqueue(HERE, "q", b"y", 0)],
        [EnqueueMany(HERE, "q", [b"y"], 0)],
        [Append(HERE, "log", 2, b"y")],
    ]
    outcomes = await asyncio.gather(
        store.commit(*ending),
        *(store.commit(*changes) for changes in late),  # planned before, committed before or after
        store.commit(Enqueue(HERE, "other", b"z", 0)),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes} <= {type(None), Ended}
    assert outcomes[0] is outcomes[-1] is None
    for changes in late:
        with pytest.raises(Ended):
            await store.commit(*changes)
    rows = await store.rows()
    assert (rows["item"], rows["entry"], rows["name queue"]) == (1, 0, 1)


async def test_an_end_that_was_not_committed_is_none(store: Store) -> None:
    await store.commit(Enqueue(HERE, "q", b"x", 0))
    with pytest.raises(Conflict):
        await store.commit(TrimQueue(HERE, "q", ended=True), RequireRecord(HERE, "k", "absent", 1))
    await store.commit(Enqueue(HERE, "q", b"y", 0))
    assert len(await store.lease(HERE, "q", 9, 1000)) == 2


async def _until_waited_for(store: Store, queues: int) -> None:
    async with asyncio.timeout(20):
        while store.in_memory()["queues waited for"] != queues:
            await asyncio.sleep(0.001)


async def test_nothing_is_remembered_of_who_waited_and_of_what_expired(
    timed: Store, clock: VirtualClock
) -> None:
    waiting = asyncio.create_task(timed.lease(HERE, "q", 1, 1000, 5.0))
    await _until_waited_for(timed, 1)
    await timed.commit(Enqueue(HERE, "q", b"x", clock.now_ms()))
    assert len(await waiting) == 1
    await _until_waited_for(timed, 0)
    await timed.commit(TrimQueue(HERE, "q", clock.now_ms() + 1))
    sizes = timed.in_memory()
    assert [sizes.get(name, 0) for name in ("items leased", "items counted")] == [0, 0]
