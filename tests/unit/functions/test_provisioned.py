"""The pool has as many provisioned environments as it is to have, whatever becomes of single ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from function_rig import SCOPE
from nightbus.functions.interface import PROVISIONED, key_of
from pool_rig import SPEC, World


async def test_they_are_taken_first_and_given_back_and_others_spill_over() -> None:
    world = World()
    await world.provision(1)
    assert [one.spec for one in world.made] == [replace(SPEC, initialization=PROVISIONED)]
    first, other = await world.pool.take(SPEC), await world.pool.take(SPEC)
    assert (first.spec.initialization, other.spec.initialization) == (PROVISIONED, "on-demand")
    world.pool.give_back(other)
    world.pool.give_back(first)
    assert await world.pool.take(SPEC) is first
    await world.pool.close()
    await world.go_on()
    assert world.open == []


async def test_one_that_ends_is_replaced() -> None:
    world = World()
    await world.provision(2)
    world.made[0].usable = False
    await world.pass_time(31)
    assert (world.available, len(world.open)) == (2, 2)
    taken = await world.pool.take(SPEC)
    cast(Any, taken).usable = False
    world.pool.give_back(taken)
    await world.go_on()
    assert (world.available, len(world.open)) == (2, 2)
    await world.pool.close()


async def test_what_is_not_wanted_any_more_ends() -> None:
    world = World()
    await world.provision(3)
    taken = await world.pool.take(SPEC)
    await world.provision(1)
    assert len(world.open) == 1
    await world.provision(0)
    assert len(world.open) == 1  # the one that is busy
    world.pool.give_back(taken)
    await world.go_on()
    assert world.open == []
    assert world.pool.in_memory()["environments provisioned"] == 0
    await world.pool.close()


async def test_a_failure_is_told_and_tried_again() -> None:
    world = World()
    world.failure = "Runtime.ImportModuleError"
    await world.provision(1)
    assert world.pool.provisioned.state(key_of(SPEC)) == (0, 0, "FUNCTION_ERROR_INIT_FAILURE")
    assert world.open == []
    world.failure = ""
    await world.pass_time(1.1)
    assert world.pool.provisioned.state(key_of(SPEC)) == (1, 1, "")
    await world.pool.close()


async def test_a_change_of_the_newest_code_leaves_versions_alone() -> None:
    world = World()
    await world.provision(1)
    idle = await world.pool.take(replace(SPEC, version="$LATEST"))
    world.pool.give_back(idle)
    world.pool.retire(SCOPE, "f", "$LATEST")
    await world.go_on()
    assert [one.spec.version for one in world.open] == ["1"]
    await world.pool.close()


async def test_idle_environments_go_while_memory_is_short_and_provisioned_ones_stay() -> None:
    world = World()
    await world.provision(1)
    taken = [await world.pool.take(replace(SPEC, version="2")) for _ in range(10)]
    for one in taken:
        world.pool.give_back(one)
    world.memory_is_short = True
    await world.pass_time(2.1)
    assert world.pool.in_memory()["environments idle"] == 2
    await world.pass_time(2.1)
    assert world.pool.in_memory()["environments idle"] == 0
    assert world.available == 1
    await world.pool.close()
