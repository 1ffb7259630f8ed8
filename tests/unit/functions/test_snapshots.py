"""An environment of a version with SnapStart waits until it is taken, and not longer than its function is there."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from nightbus.functions.interface import SNAP_START
from pool_rig import SPEC, World

VERSION = replace(SPEC, initialization=SNAP_START)


async def test_one_is_taken_and_another_one_made() -> None:
    world = World()
    await world.pool.snapshots.make(VERSION)
    taken = await world.pool.take(VERSION)
    await world.go_on()
    assert (len(world.made), world.pool.snapshots.waiting) == (2, 1)
    world.pool.give_back(taken)
    await world.pool.close()
    assert world.open == []


async def test_one_that_is_being_made_ends_with_its_function() -> None:
    world = World()
    world.begins = asyncio.Event()
    making = asyncio.create_task(world.pool.snapshots.make(VERSION))
    await world.go_on()
    assert world.pool.snapshots.waiting == 1
    world.pool.retire(VERSION.scope, VERSION.name)
    world.begins.set()
    await making
    await world.go_on()
    assert (world.pool.snapshots.waiting, world.open) == (0, [])
    await world.pool.close()
