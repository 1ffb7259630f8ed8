"""Who has read a stack, and then reads its deployment, meets an operation that ends between the two."""

from __future__ import annotations

import asyncio

import pytest

from nightbus.stacks.stack_deployments import described, last_good
from stack_rig import Rig, thing


async def test_a_deployment_that_an_update_has_deleted_meanwhile(rig: Rig) -> None:
    await rig.create({"A": thing(Size=1)})
    rig.world.slow["create B"] = asyncio.Event()
    rig.world.failing.add("create B")
    await rig.begin_update({"A": thing(Size=1), "B": thing()})
    before = await rig.stack()
    rig.world.slow["create B"].set()
    assert await rig.settled() == "UPDATE_ROLLBACK_COMPLETE"
    with pytest.raises(LookupError):
        await rig.records.deployment(before, before.described_deployment)
    stack, deployment = await described(rig.records, before)
    assert (stack.status, deployment) == ("UPDATE_ROLLBACK_COMPLETE", await last_good(rig.records, stack))
    assert deployment is not None


async def test_the_last_good_one_that_an_update_has_replaced_meanwhile(rig: Rig) -> None:
    await rig.create({"A": thing(Size=1)})
    before = await rig.stack()
    assert await rig.update({"A": thing(Size=2)}) == "UPDATE_COMPLETE"
    with pytest.raises(LookupError):
        await rig.records.deployment(before, before.deployment)
    deployment = await last_good(rig.records, before)
    assert deployment is not None
    assert deployment.processed["Resources"]["A"]["Properties"] == {"Size": 2}


async def test_a_deployment_that_is_missing_is_an_error(rig: Rig) -> None:
    await rig.create({"A": thing(Size=1)})
    stack = await rig.stack()
    stack.target = "none"
    await rig.begin(stack.status, target="none")
    await rig.settled()
    with pytest.raises(LookupError):
        await described(rig.records, await rig.stack())
