"""Does a rule with a schedule trigger itself when it is due, once, also over restarts?"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bus_rig import SCOPE, Rig, rig
from nightbus.clock import VirtualClock
from nightbus.services.events.engines.schedules import QUEUE, run_schedules
from nightbus.store.interface import SYSTEM
from nightbus.tracing.explanation import explain_event

START = int(datetime(2026, 1, 1, 8, 59, 30, tzinfo=UTC).timestamp() * 1000)
ARN = "arn:aws:events:eu-west-1:123456789012:rule/r"


async def pass_time(events: Rig, minutes: float) -> None:
    """Let the clock go on, and the workers do what has come due, half a minute at a time."""
    for _ in range(int(minutes * 2)):
        await events.clock.advance(30)
        await events.settled(QUEUE, SYSTEM)


def times(events: list[dict[str, Any]]) -> list[str]:
    return [event["time"][11:16] for event in events]


async def test_the_targets_of_the_rule_get_a_scheduled_event(tmp_path: Path) -> None:
    async with rig(tmp_path, VirtualClock(START)) as events:
        await events.rule("r", ScheduleExpression="cron(0/2 9 * * ? *)")
        await events.rule("all", "others", EventPattern='{"source": ["aws.events"]}')
        await events.work(run_schedules)
        await pass_time(events, 5)
        found = await events.received()
        assert times(found) == ["09:00", "09:02", "09:04"]
        assert {**found[0], "id": ""} == {
            "version": "0", "id": "", "detail-type": "Scheduled Event", "source": "aws.events",
            "account": "123456789012", "time": "2026-01-01T09:00:00Z", "region": "eu-west-1",
            "resources": [ARN], "detail": {},
        }  # fmt: skip
        assert len({event["id"] for event in found}) == 3
        assert await events.received("others") == []
        told = await explain_event(events.store, SCOPE, found[0]["id"], None)
        by_name = {one["rule"]: one for one in told["rules"]}
        assert by_name["r"]["matched"] and by_name["r"]["deliveries"][0]["outcome"] == "delivered"
        assert by_name["all"]["why"] == "what a schedule makes is for its own rule only"


async def test_a_rate_runs_from_the_rules_making_on(tmp_path: Path) -> None:
    async with rig(tmp_path, VirtualClock(START)) as events:
        await events.rule("r", ScheduleExpression="rate(2 minutes)", EventPattern='{"source": ["shop"]}')
        await events.work(run_schedules)
        await pass_time(events, 1)
        await events.put({})
        # To put it again as it was, or with other settings, changes nothing about when.
        await events("PutRule", Name="r", ScheduleExpression="rate(2 minutes)", Description="the same")
        await pass_time(events, 4)
        found = await events.received()
        assert [event["source"] for event in found] == ["shop", "aws.events", "aws.events"]
        assert [event["time"] for event in found[1:]] == ["2026-01-01T09:01:30Z", "2026-01-01T09:03:30Z"]


async def test_a_rule_that_was_changed_disabled_or_deleted_goes_by_what_it_is_now(tmp_path: Path) -> None:
    async with rig(tmp_path, VirtualClock(START)) as events:
        await events.rule("r", ScheduleExpression="rate(1 minute)")
        await events.work(run_schedules)
        await events("PutRule", Name="r", ScheduleExpression="cron(3 9 * * ? *)")
        await pass_time(events, 3)
        assert await events.received() == []
        await pass_time(events, 1)
        assert times(await events.received()) == ["09:03"]
        await events("PutRule", Name="r", ScheduleExpression="rate(1 minute)")
        await events("DisableRule", Name="r")
        await pass_time(events, 3)
        assert await events.received() == []
        await events("EnableRule", Name="r")
        await pass_time(events, 1)
        assert len(await events.received()) == 1
        await events("RemoveTargets", Rule="r", Ids=["q"])
        await pass_time(events, 2)
        await events("DeleteRule", Name="r")
        await pass_time(events, 2)
        await events.clock.advance(24 * 3600)
        await events.settled(QUEUE, SYSTEM)
        assert await events.received() == []
        assert await events.store.count(SYSTEM, QUEUE) == (0, 0, 0)  # nothing is left of what it was


@pytest.mark.parametrize("away_minutes", [3, 60 * 24 * 400])
async def test_of_what_was_missed_while_no_node_ran_the_latest_comes_once(
    tmp_path: Path, away_minutes: int
) -> None:
    clock = VirtualClock(START)
    async with rig(tmp_path, clock) as events:
        await events.rule("r", ScheduleExpression="cron(* * * * ? *)")
        await events.rule("yearly", "q2", ScheduleExpression="cron(0 0 1 1 ? 2026)")
        await events.work(run_schedules)
        await pass_time(events, 1)
        assert times(await events.received()) == ["09:00"]
    await clock.advance(60 * away_minutes)
    async with rig(tmp_path, clock) as events:
        await events.work(run_schedules)
        await events.settled(QUEUE, SYSTEM)
        (missed,) = await events.received()
        latest = datetime.fromtimestamp(clock.now_ms() // 60_000 * 60, UTC)
        assert missed["time"] == latest.strftime("%Y-%m-%dT%H:%M:%SZ")
        await pass_time(events, 2)
        assert len(await events.received()) == 2


async def test_a_node_that_has_too_much_to_do_triggers_later(tmp_path: Path) -> None:
    async with rig(tmp_path, VirtualClock(START)) as events:
        await events.rule("r", ScheduleExpression="cron(* * * * ? *)")
        events.backlog.full = True
        await events.work(run_schedules)
        for _ in range(5):
            await events.clock.advance(30)
        assert await events.received() == []
        events.backlog.full = False
        await pass_time(events, 1)
        assert times(await events.received()) == ["09:00", "09:01", "09:02", "09:03"]
