"""Order, events, updates, replacement, rollback and deletion, seen from what exists and what was told."""

from __future__ import annotations

import asyncio

from nightbus.stacks.records import put_stack
from stack_rig import SCOPE, Rig, att, ref, thing

CHAIN = {"A": thing(Size=1), "B": thing(Size=att("A", "Size")), "C": thing(Other=ref("B"))}


async def test_creation_runs_in_dependency_order_and_tells_what_aws_tells(rig: Rig) -> None:
    assert await rig.create(CHAIN, Outputs={"Arn": {"Value": att("C", "Arn"), "Description": "where"}}) == (
        "CREATE_COMPLETE"
    )
    assert rig.world.deeds == ["create A", "create B", "create C"]
    assert await rig.told("A") == [
        "CREATE_IN_PROGRESS",
        "CREATE_IN_PROGRESS Resource creation Initiated",
        "CREATE_COMPLETE",
    ]
    assert await rig.told("demo") == ["CREATE_IN_PROGRESS User Initiated", "CREATE_COMPLETE"]
    stack, standing = await rig.stack(), await rig.standing()
    arn = f"arn:test:{standing['C']['id']}"
    assert stack.outputs == [{"OutputKey": "Arn", "OutputValue": arn, "Description": "where"}]
    assert standing["B"]["Size"] == 1 and standing["C"]["Other"] == standing["B"]["id"]
    await rig.assert_no_orphans()


async def test_resources_that_do_not_need_each_other_run_at_once(rig: Rig) -> None:
    gate = asyncio.Event()
    rig.world.slow = {"create A": gate, "create B": gate}
    await rig.begin_create({"A": thing(), "B": thing(), "C": thing(needs=["A", "B"])})
    while sorted(rig.world.deeds) != ["create A", "create B"]:
        await asyncio.sleep(0.001)
    gate.set()
    assert await rig.settled() == "CREATE_COMPLETE"
    assert rig.world.deeds[-1] == "create C"


async def test_a_failed_creation_is_rolled_back_in_reverse(rig: Rig) -> None:
    rig.world.failing = {"create C"}
    assert await rig.create(CHAIN) == "ROLLBACK_COMPLETE"
    deletions = [deed for deed in rig.world.deeds if deed.startswith("delete")]
    assert deletions == ["delete C", "delete B", "delete A"], "what C left may need B to be deleted"
    assert rig.world.things == {}
    failed = next(event for event in await rig.events() if event.status == "CREATE_FAILED")
    assert failed.reason.startswith(
        'Resource handler returned message: "create C was made to fail (Service: A,'
    )
    assert failed.reason.endswith("HandlerErrorCode: InvalidRequest)")
    rollback = next(event for event in await rig.events() if event.status == "ROLLBACK_IN_PROGRESS")
    assert rollback.reason == "The following resource(s) failed to create: [C]. Rollback requested by user."


async def test_leftovers_that_need_what_now_needs_their_resource_are_deleted_all_the_same(rig: Rig) -> None:
    await rig.create({"A": thing(), "B": thing(Kind="x")})
    rig.world.failing = {"create B"}
    assert await rig.update({"A": thing(), "B": thing(Kind="y", needs="A")}, "DO_NOTHING") == "UPDATE_FAILED"
    rig.world.failing = set()
    rig.world.deeds.clear()
    assert await rig.update({"A": thing(needs="B"), "B": thing(Kind="x")}) == "UPDATE_COMPLETE"
    assert rig.world.deeds == ["delete B"]
    await rig.assert_no_orphans()


async def test_what_was_under_way_when_another_failed_counts_as_cancelled(rig: Rig) -> None:
    gate = asyncio.Event()
    rig.world.slow, rig.world.failing = {"create A": gate}, {"create B"}
    await rig.begin_create({"A": thing(), "B": thing(), "C": thing(needs="A")})
    while not any("CREATE_FAILED" in line for line in await rig.told("B")):
        await asyncio.sleep(0.001)
    gate.set()
    assert await rig.settled() == "ROLLBACK_COMPLETE"
    assert "CREATE_FAILED Resource creation cancelled" in await rig.told("A")
    assert await rig.told("C") == []
    assert rig.world.things == {}


async def test_on_failure_decides_what_becomes_of_a_failed_creation(rig: Rig) -> None:
    rig.world.failing = {"create B"}
    assert await rig.create({"A": thing(), "B": thing(needs="A")}, "DO_NOTHING") == "CREATE_FAILED"
    assert len(rig.world.things) == 1
    rig.world.failing = set()
    assert await rig.update({"A": thing(), "B": thing(needs="A")}) == "UPDATE_COMPLETE"
    await rig.assert_no_orphans()
    rig.world.failing = {"create B"}
    assert await rig.create({"A": thing(), "B": thing(needs="A")}, "DELETE", "other") == "DELETE_COMPLETE"


async def test_an_update_changes_in_place_replaces_adds_and_removes(rig: Rig) -> None:
    await rig.create({"A": thing(Size=1), "B": thing(Kind="x"), "C": thing(Other=ref("B")), "D": thing()})
    before = await rig.standing()
    rig.world.deeds.clear()
    after = {"A": thing(Size=2), "B": thing(Kind="y"), "C": thing(Other=ref("B")), "E": thing()}
    assert await rig.update(after) == "UPDATE_COMPLETE"
    now = await rig.standing()
    assert now["A"]["id"] == before["A"]["id"] and now["B"]["id"] != before["B"]["id"]
    assert now["C"]["Other"] == now["B"]["id"] and "D" not in now and "E" in now
    assert rig.world.deeds.index("update C") > rig.world.deeds.index("create B")
    assert rig.world.deeds.index("delete B") > rig.world.deeds.index("update C")
    assert await rig.told("B") == [
        "CREATE_IN_PROGRESS",
        "CREATE_IN_PROGRESS Resource creation Initiated",
        "CREATE_COMPLETE",
        "UPDATE_IN_PROGRESS Requested update requires",
        "UPDATE_IN_PROGRESS Resource creation Initiated",
        "UPDATE_COMPLETE",
        "DELETE_IN_PROGRESS",
        "DELETE_COMPLETE",
    ]
    assert (await rig.told("demo"))[-2:] == ["UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]
    await rig.assert_no_orphans()


async def test_what_does_not_change_is_not_touched(rig: Rig) -> None:
    await rig.create(CHAIN)
    rig.world.deeds.clear()
    assert await rig.update({**CHAIN, "D": thing()}) == "UPDATE_COMPLETE"
    assert rig.world.deeds == ["create D"]


async def test_new_tags_of_the_stack_reach_every_resource_that_has_tags(rig: Rig) -> None:
    await rig.create({"A": thing()})
    assert await rig.update({"A": thing()}, tags={"team": "night"}) == "UPDATE_COMPLETE"
    (made,) = rig.world.things.values()
    assert made["tags"]["team"] == "night"
    assert made["tags"]["aws:cloudformation:logical-id"] == "A"


async def test_a_failed_update_goes_back_to_the_old_properties(rig: Rig) -> None:
    await rig.create({"A": thing(Size=1), "B": thing(Kind="x"), "C": thing(Size=1), "D": thing()})
    before = await rig.standing()
    rig.world.failing = {"create E"}
    new = {
        "A": thing(Size=2),
        "B": thing(Kind="y"),
        "C": thing(Size=2, needs=["A", "B"]),
        "E": thing(needs="C"),
        "F": thing(),
    }
    assert await rig.update(new) == "UPDATE_ROLLBACK_COMPLETE"
    assert await rig.standing() == before
    assert (await rig.told("demo"))[-3:] == [
        "UPDATE_ROLLBACK_IN_PROGRESS The following resource(s)",
        "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_ROLLBACK_COMPLETE",
    ]
    assert (await rig.told("C"))[-2:] == ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE"]
    await rig.assert_no_orphans()


async def test_a_rollback_that_fails_can_be_continued_without_the_culprit(rig: Rig) -> None:
    await rig.create({"A": thing(Size=1), "B": thing()})
    rig.world.failing = {"update A"}
    assert await rig.update({"A": thing(Size=2), "B": thing()}) == "UPDATE_ROLLBACK_FAILED"
    await rig.begin("UPDATE_ROLLBACK_IN_PROGRESS", skip=["A"])
    assert await rig.settled() == "UPDATE_ROLLBACK_COMPLETE"
    rig.world.failing = set()
    assert await rig.update({"A": thing(Size=3), "B": thing()}) == "UPDATE_COMPLETE"
    await rig.assert_no_orphans()


async def test_a_cancelled_update_is_rolled_back(rig: Rig) -> None:
    await rig.create({"A": thing(Size=1)})
    gate = asyncio.Event()
    rig.world.slow = {"update A": gate}
    await rig.begin_update({"A": thing(Size=2), "B": thing(needs="A")})
    while "update A" not in rig.world.deeds:
        await asyncio.sleep(0.001)
    stack = await rig.stack()
    stack.cancelled = True
    await rig.store.commit(put_stack(SCOPE, stack))
    gate.set()
    assert await rig.settled() == "UPDATE_ROLLBACK_COMPLETE"
    assert (await rig.standing())["A"]["Size"] == 1 and "B" not in await rig.standing()


async def test_a_failed_update_without_rollback_can_be_updated_or_rolled_back(rig: Rig) -> None:
    await rig.create({"A": thing(Kind="x")})
    before = await rig.standing()
    rig.world.failing = {"create B"}
    broken = {"A": thing(Kind="y"), "B": thing(needs="A")}
    assert await rig.update(broken, "DO_NOTHING") == "UPDATE_FAILED"
    assert await rig.update({**broken, "A": thing(Kind="z")}, "DO_NOTHING") == "UPDATE_FAILED"
    await rig.begin("UPDATE_ROLLBACK_IN_PROGRESS")
    assert await rig.settled() == "UPDATE_ROLLBACK_COMPLETE"
    assert await rig.standing() == before
    await rig.assert_no_orphans()


async def test_deletion_runs_backwards_and_keeps_what_is_to_be_retained(rig: Rig) -> None:
    await rig.create({**CHAIN, "D": thing(policy="Retain")})
    kept = (await rig.standing())["D"]["id"]
    rig.world.deeds.clear()
    assert await rig.delete() == "DELETE_COMPLETE"
    assert rig.world.deeds == ["delete C", "delete B", "delete A"]
    assert list(rig.world.things) == [kept]
    assert (await rig.told("D"))[-1] == "DELETE_SKIPPED"
    assert await rig.records.stack("demo") is None
    assert (await rig.stack()).deleted > 0


async def test_a_deletion_that_fails_says_which_and_goes_on_without_it(rig: Rig) -> None:
    await rig.create(CHAIN)
    rig.world.failing = {"delete B"}
    assert await rig.delete() == "DELETE_FAILED"
    stack = await rig.stack()
    assert stack.status_reason == "The following resource(s) failed to delete: [B]."
    assert sorted(await rig.standing()) == ["A"]
    assert await rig.delete(retain=["B"]) == "DELETE_COMPLETE"
    assert len(rig.world.things) == 1


async def test_an_export_in_use_can_neither_change_nor_go(rig: Rig) -> None:
    def exporting(value: int) -> dict[str, object]:
        return {"O": {"Value": att("A", "Size"), "Export": {"Name": "size"}}}

    await rig.create({"A": thing(Size=1)}, Outputs=exporting(1))
    exporter = rig.stack_id
    await rig.create({"X": thing(Size={"Fn::ImportValue": "size"})}, "ROLLBACK", "importer")
    assert (await rig.standing())["X"]["Size"] == "1"
    rig.stack_id = exporter
    assert await rig.update({"A": thing(Size=2)}, Outputs=exporting(2)) == "UPDATE_ROLLBACK_COMPLETE"
    assert any(
        "cannot be updated as it is in use by importer" in event.reason for event in await rig.events()
    )
    assert await rig.update({"A": thing(Size=1)}) == "UPDATE_ROLLBACK_COMPLETE"
    assert (await rig.records.exports())["size"]["value"] == "1"
