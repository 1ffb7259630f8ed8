"""Killed before any commit, or before any act, and started again: the state is known and nothing is orphaned."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nightbus.clock import SystemClock, VirtualClock
from nightbus.stacks import engine
from nightbus.stacks.engine import Engine
from nightbus.stacks.operation_queue import QUEUE
from nightbus.stacks.records import STACK
from nightbus.store.duties import LEASE_SECONDS
from nightbus.store.interface import SYSTEM, Enqueue, PutRecord, TrimQueue
from nightbus.store.sqlite.store import SqliteStore
from stack_rig import RESTING, SCOPE, FailingStore, FrozenStore, NoOperations, Rig, att, ref, thing

DAY_SECONDS = 24 * 3600
FIRST = {
    "A": thing(Size=1),
    "B": thing(Kind="x", Size=att("A", "Size")),
    "C": thing(Other=ref("B")),
    "Gone": thing(),
}
SECOND = {
    "A": thing(Size=2),
    "B": thing(Kind="y", Size=att("A", "Size")),
    "C": thing(Other=ref("B")),
    "New": thing(needs="C"),
}
THIRD = {"A": thing(Size=3), "B": thing(Kind="z"), "Last": thing(Other=ref("B"))}

# What is under way when it is killed: the operation, and what is made to fail meanwhile.
OPERATIONS = {
    "create": ("create", set[str]()),
    "failed create": ("create", {"create C"}),
    "update": ("update", set[str]()),
    "failed update": ("update", {"create New"}),
    "delete": ("delete", set[str]()),
}


async def _start(rig: Rig, operation: str, failing: set[str]) -> None:
    if operation == "create":
        rig.world.failing = failing
        await rig.begin_create(FIRST)
        return
    if operation == "update":
        rig.world.failing = failing
        await rig.begin_update(SECOND)
        return
    await rig.begin("DELETE_IN_PROGRESS")


async def _until_stuck(rig: Rig) -> bool:
    """Whether it came to rest by itself; False once nothing moves any more."""
    moved = -1, 0
    while True:
        try:
            await asyncio.wait_for(rig.engine.settled(SCOPE, rig.stack_id), 0.03)
            return True
        except TimeoutError:
            now = len(rig.world.deeds), len(await rig.events())
            if now == moved:
                return False
            moved = now


async def _crash_and_recover(tmp_path: Path, operation: str, failing: set[str], how: str, at: int) -> bool:
    """True when the operation was over before the crash could happen."""
    store = SqliteStore.open(tmp_path, SystemClock(), durable=False)
    rig = Rig(store)
    try:
        if operation != "create":
            assert await rig.create(FIRST) == "CREATE_COMPLETE"
            rig.world.deeds.clear()
        wrapped: Any = FrozenStore(store, at) if how == "commit" else store
        rig.world.freeze_at = at if how == "deed" else None
        await rig.close()
        rig.engine = rig.new_engine(wrapped)
        await _start(rig, operation, failing)
        over = await _until_stuck(rig)
        await rig.close()
        rig.world.freeze_at = None
        rig.engine = rig.new_engine(store)
        status = await rig.settled()
        assert status in RESTING
        if status != "ROLLBACK_COMPLETE":
            await rig.assert_no_orphans()
        await _deploy_again(rig, status)
        return over
    finally:
        await rig.close()
        await store.close()


async def _deploy_again(rig: Rig, status: str) -> None:
    rig.world.failing = set()
    if status == "ROLLBACK_COMPLETE":
        assert rig.world.things == {}
        assert await rig.delete() == "DELETE_COMPLETE"
        status = "DELETE_COMPLETE"
    if status == "DELETE_COMPLETE":
        assert rig.world.things == {}
        assert await rig.create(FIRST) == "CREATE_COMPLETE"
    assert await rig.update(THIRD) == "UPDATE_COMPLETE"
    await rig.assert_no_orphans()
    assert sorted(await rig.standing()) == ["A", "B", "Last"]


@pytest.mark.parametrize("how", ["commit", "deed"])
@pytest.mark.parametrize("case", OPERATIONS)
async def test_killed_anywhere_it_ends_in_a_known_state(tmp_path: Path, case: str, how: str) -> None:
    operation, failing = OPERATIONS[case]
    for at in range(100):
        folder = tmp_path / str(at)
        folder.mkdir()
        if await _crash_and_recover(folder, operation, set(failing), how, at):
            assert at > 3  # there was something to be cut off
            return
    raise AssertionError("the operation never came to its end")


async def test_a_deleted_stack_is_forgotten_after_ninety_days_without_a_restart(rig: Rig) -> None:
    await rig.create(FIRST)
    assert await rig.delete() == "DELETE_COMPLETE"
    stack = await rig.stack()
    clock = VirtualClock(SystemClock().now_ms())
    engine_of_months = Engine(rig.store, clock, NoOperations(), rig.vault, rig.types)
    worker = asyncio.create_task(engine_of_months.forget_deleted_stacks())
    async with asyncio.timeout(30):
        while await rig.records.stack(rig.stack_id) is not None:
            await clock.advance(DAY_SECONDS)
            await asyncio.sleep(0.01)  # the store reads in a thread of its own
    assert clock.monotonic() >= 90 * DAY_SECONDS
    assert await rig.records.resources(stack) == {}
    assert await rig.store.logs(SCOPE) == []
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)


ENDS = {
    "create": "CREATE_COMPLETE",
    "failed create": "ROLLBACK_COMPLETE",
    "update": "UPDATE_COMPLETE",
    "failed update": "UPDATE_ROLLBACK_COMPLETE",
    "delete": "DELETE_COMPLETE",
}


@pytest.mark.parametrize("count", [1, 12])
@pytest.mark.parametrize("case", OPERATIONS)
async def test_a_store_that_fails_for_a_moment_leaves_no_stack_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, count: int
) -> None:
    """Whichever commit fails, once or for a while: the operation is taken up again, without a restart."""
    monkeypatch.setattr(engine, "_PAUSES", (0.001,))
    operation, failing = OPERATIONS[case]
    for first in range(100):
        folder = tmp_path / str(first)
        folder.mkdir()
        store = SqliteStore.open(folder, SystemClock(), durable=False)
        rig = Rig(store)
        if operation != "create":
            assert await rig.create(FIRST) == "CREATE_COMPLETE"
        failing_store: Any = FailingStore(store, first, count)
        await rig.close()
        rig.engine = rig.new_engine(failing_store)
        await _start(rig, operation, set(failing))
        status = await rig.settled()
        assert status == ENDS[case]
        if status != "ROLLBACK_COMPLETE":
            await rig.assert_no_orphans()
        await rig.close()
        await store.close()
        if not failing_store.refused:
            assert first > 3
            return
    raise AssertionError("the operation never came to its end")


async def test_the_operations_of_an_earlier_release_are_queued_and_an_unreadable_stack_stops_none(
    rig: Rig,
) -> None:
    rig.world.slow["create A"] = asyncio.Event()
    await rig.begin_create(FIRST)
    await _until_created(rig, "A")
    await rig.close()
    await rig.store.commit(
        PutRecord(SCOPE, STACK, "!first", {"of": "another version"}), TrimQueue(SYSTEM, QUEUE)
    )
    rig.world.slow.clear()
    rig.engine = rig.new_engine(rig.store)
    await rig.engine.recover()
    assert await rig.settled() == "CREATE_COMPLETE"


async def test_another_node_goes_on_with_the_operation_of_one_that_died(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    rig = Rig(store, clock)
    rig.world.slow["create A"] = asyncio.Event()
    await rig.begin_create(FIRST)
    await _until_created(rig, "A")
    await rig.die()
    deeds = list(rig.world.deeds)
    rig.world.slow.clear()
    rig.engine = rig.new_engine(store)
    await clock.advance(LEASE_SECONDS - 1)
    await rig.engine.settled(SCOPE, rig.stack_id, 0.0)
    assert rig.world.deeds == deeds  # it has the lease still
    await clock.advance(2)
    assert await rig.settled() == "CREATE_COMPLETE"
    await rig.assert_no_orphans()
    await rig.close()
    await store.close()


async def test_an_operation_that_takes_longer_than_its_lease_stays_with_its_node(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    rig = Rig(store, clock)
    rig.world.slow["create A"] = asyncio.Event()
    await rig.begin_create(FIRST)
    await _until_created(rig, "A")
    for _ in range(30):
        await clock.advance(LEASE_SECONDS / 6)
        await asyncio.sleep(0.002)
    assert await store.lease(SYSTEM, QUEUE, 10, 1_000, by_group=True) == []
    rig.world.slow["create A"].set()
    assert await rig.settled() == "CREATE_COMPLETE"
    assert rig.world.deeds.count("create A") == 1
    await rig.close()
    await store.close()


async def test_an_operation_that_cannot_be_read_is_dropped_and_stops_none(rig: Rig) -> None:
    await rig.store.commit(Enqueue(SYSTEM, QUEUE, b"[1]", 0), Enqueue(SYSTEM, QUEUE, b"{", 0))
    assert await rig.create(FIRST) == "CREATE_COMPLETE"
    async with asyncio.timeout(10):
        while sum(await rig.store.count(SYSTEM, QUEUE)):
            await asyncio.sleep(0.002)


async def _until_created(rig: Rig, name: str) -> None:
    async with asyncio.timeout(10):
        while f"create {name}" not in rig.world.deeds:
            await asyncio.sleep(0.002)
