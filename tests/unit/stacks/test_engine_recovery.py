"""Killed before any commit, or before any act, and started again: the state is known and nothing is orphaned."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nightbus.clock import SystemClock
from nightbus.stacks.records import put_stack
from nightbus.store.sqlite import SqliteStore
from stack_rig import RESTING, SCOPE, FrozenStore, Rig, att, ref, thing

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
            await asyncio.wait_for(rig.engine.settled(rig.stack_id), 0.03)
            return True
        except TimeoutError:
            now = len(rig.world.deeds), len(await rig.events())
            if now == moved:
                return False
            moved = now


async def _crash_and_recover(tmp_path: Path, operation: str, failing: set[str], how: str, at: int) -> bool:
    """True when the operation was over before the crash could happen."""
    store = SqliteStore.open(tmp_path, SystemClock(), durable=False)
    try:
        rig = Rig(store)
        if operation != "create":
            assert await rig.create(FIRST) == "CREATE_COMPLETE"
            rig.world.deeds.clear()
        wrapped: Any = FrozenStore(store, at) if how == "commit" else store
        rig.world.freeze_at = at if how == "deed" else None
        rig.engine = rig.new_engine(wrapped)
        await _start(rig, operation, failing)
        over = await _until_stuck(rig)
        await rig.engine.close()
        rig.world.freeze_at = None
        rig.engine = rig.new_engine(store)
        await rig.engine.recover()
        status = await rig.settled()
        assert status in RESTING
        if status != "ROLLBACK_COMPLETE":
            await rig.assert_no_orphans()
        await _deploy_again(rig, status)
        return over
    finally:
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


async def test_a_deleted_stack_is_forgotten_after_ninety_days(rig: Rig) -> None:
    await rig.create(FIRST)
    assert await rig.delete() == "DELETE_COMPLETE"
    await rig.engine.recover()
    assert (await rig.stack()).status == "DELETE_COMPLETE"
    stack = await rig.stack()
    stack.deleted -= 91 * 24 * 3600 * 1000
    await rig.store.commit(put_stack(SCOPE, stack))
    await rig.engine.recover()
    assert await rig.records.stack(rig.stack_id) is None
    assert await rig.records.resources(stack) == {}
    assert await rig.store.logs(SCOPE) == []
