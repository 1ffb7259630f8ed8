"""The tree of an event, from what is kept: bounded whatever functions do, and true to the rules of then."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from delivery_rig import FUNCTION, HERE, event, open_store, put, put_rule, router_over
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_event_id, new_uuid
from nightbus.aws.trace_header import segment_of
from nightbus.clock import VirtualClock
from nightbus.delivery.jobs import Attempt, Delivered
from nightbus.delivery.router import Router
from nightbus.delivery.rule_origin import QUEUE, decode, outcome_entry
from nightbus.delivery.rules import RULE, outcome_log, rule_key
from nightbus.delivery.trace_log import invoked_later, published_in
from nightbus.store.interface import SYSTEM, Append, DeleteRecord
from nightbus.tracing.event_trace import MOST_EVENTS, trace_event


async def no_logs(function: str, segment: str) -> list[dict[str, Any]]:
    return []


class World:
    """Functions that publish, played by hand over a real store."""

    def __init__(self, folder: Path) -> None:
        self.clock = VirtualClock(1_800_000_000_000)
        self.store = open_store(folder, self.clock)
        self.router: Router = router_over(self.store, self.clock)

    async def put(self, trace: str = "", count: int = 1, bus: str = "default") -> list[str]:
        ids = [new_event_id(self.clock.now_ms()) for _ in range(count)]
        await put(self.router, HERE, bus, [event(one) for one in ids], trace)
        return ids

    async def deliver(self) -> str:
        """The next delivery, to its function: the header that the function has."""
        (item,) = await self.store.lease(SYSTEM, QUEUE, 1, 60_000)
        job, request_id = decode(item.data), new_uuid()
        outcome, now = Delivered(request_id), self.clock.now_ms()
        entry = outcome_entry(job, Attempt(outcome, None, now, now), inline=True)
        await self.store.commit(
            item.acknowledge(),
            invoked_later(job, outcome, now),
            Append(job.origin.scope, outcome_log(job.origin.bus), now, entry, job.origin.event_id),
        )
        await self.clock.advance(1)
        return f"Root=1-2-3;Parent={segment_of(request_id)};Sampled=0"

    async def trace(self, event_id: str) -> dict[str, Any]:
        return await trace_event(self.store, HERE, event_id, no_logs)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.store.close()


def nodes(node: dict[str, Any]) -> list[dict[str, Any]]:
    attempts = [one for rule in node["rules"] for target in rule["targets"] for one in target["attempts"]]
    runs = [run for one in attempts for called in one.get("invocations", ()) for run in called["runs"]]
    below = [child for part in (*attempts, *runs) for child in part.get("events", ())]
    return [node, *(one for child in below for one in nodes(child))]


async def test_what_is_asked_for_is_under_way(world: World) -> None:
    await put_rule(world.store, "r")
    (event_id,) = await world.put()
    (rule,) = (await world.trace(event_id))["rules"]
    (target,) = rule["targets"]
    assert (rule["rule"], target["arn"], target["state"], target["attempts"]) == (
        "r",
        FUNCTION,
        "under way",
        [],
    )


async def test_a_rule_that_is_gone_is_still_shown(world: World) -> None:
    await put_rule(world.store, "r", targets=[{"Id": "f", "Arn": FUNCTION, "Input": '{"fixed": 1}'}])
    (event_id,) = await world.put()
    (target,) = (await world.trace(event_id))["rules"][0]["targets"]
    assert target["input"] == '{"fixed": 1}'
    await world.store.commit(DeleteRecord(HERE, RULE, rule_key("default", "r")))
    (target,) = (await world.trace(event_id))["rules"][0]["targets"]
    assert target["input"] is None
    assert "changed since" in target["why"]
    await world.deliver()  # which writes down what was really sent
    (target,) = (await world.trace(event_id))["rules"][0]["targets"]
    assert (target["input"], target["state"]) == ('{"fixed": 1}', "delivered")


async def test_a_function_that_triggers_itself_without_end(world: World) -> None:
    await put_rule(world.store, "loop")
    (first,) = ids = await world.put()
    for _ in range(30):
        ids += await world.put(await world.deliver())
    found = await world.trace(first)
    shown = nodes(found)
    assert [one["event"]["id"] for one in shown] == ids[: len(shown)]
    assert len(shown) == 21
    assert shown[-1]["cut"]
    upwards = (await world.trace(ids[-1]))["caused_by"]
    assert [cause["event_id"] for cause in upwards] == ids[-2:-22:-1]


async def test_a_function_that_publishes_very_much(world: World) -> None:
    await put_rule(world.store, "once")
    (first,) = await world.put()
    header = await world.deliver()
    await world.store.commit(DeleteRecord(HERE, RULE, rule_key("default", "once")))
    for _ in range(30):
        await world.put(header, count=10)
    found = await world.trace(first)
    assert len(nodes(found)) == MOST_EVENTS
    (run,) = found["rules"][0]["targets"][0]["attempts"][0]["invocations"][0]["runs"]
    assert run["cut"]


async def test_nothing_is_noted_of_events_without_a_header(world: World) -> None:
    (event_id,) = await world.put()
    assert [name for name in await world.store.logs(SYSTEM) if name.startswith("trace/")] == []
    assert (await world.trace(event_id))["caused_by"] == []


async def test_an_unknown_event_is_refused(world: World) -> None:
    for event_id in ("none", new_event_id(world.clock.now_ms())):
        with pytest.raises(AwsError, match="is in no bus"):
            await world.trace(event_id)


async def test_a_header_of_somebody_else_names_who_published(world: World) -> None:
    (event_id,) = await world.put("Root=1-2-3;Parent=53995c3f42cd8ad8;Sampled=1")
    (publication,) = await published_in(world.store, "53995c3f42cd8ad8")
    assert publication.ids == (event_id,)
    assert (await world.trace(event_id))["caused_by"] == [{"by": ""}]
