"""Does a replay give every archived event once, in the order of their times, whatever happens meanwhile?"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bus_rig import BUS, SCOPE, Rig, rig
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.delivery.archives import ARCHIVE, Archive, archive_log
from nightbus.services.events.engines import replaying
from nightbus.services.events.engines.archive_sizes import SIZE, trim_archives
from nightbus.services.events.engines.replaying import QUEUE, REPLAY, delete_old_replays, run_replays
from nightbus.store.interface import SYSTEM, Append, Conflict, Counts, Ended, PutRecord

START = datetime(2026, 1, 1, tzinfo=UTC)
ARCHIVE_ARN = "arn:aws:events:eu-west-1:123456789012:archive/a"
DAY = 24 * 3600


@pytest.fixture
async def events(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rig(tmp_path, VirtualClock(int(START.timestamp() * 1000))) as made:
        await made("CreateArchive", ArchiveName="a", EventSourceArn=BUS)
        yield made


async def start(events: Rig, name: str = "again", **params: Any) -> None:
    wanted = {
        "EventSourceArn": ARCHIVE_ARN,
        "EventStartTime": START - timedelta(days=1),
        "EventEndTime": START + timedelta(days=1),
        "Destination": {"Arn": BUS},
    }
    await events("StartReplay", ReplayName=name, **(wanted | params))


async def ended(events: Rig, name: str = "again") -> dict[str, Any]:
    async with asyncio.timeout(20):
        while "ReplayEndTime" not in (shown := await events("DescribeReplay", ReplayName=name)) or (
            shown["ReplayEndTime"] is None
        ):
            await asyncio.sleep(0.002)
    return shown


async def progress(events: Rig) -> int:
    """The revision of the replay's record: each step makes one."""
    record = await events.store.get(SCOPE, REPLAY, "again")
    return record.revision if record is not None else 0


async def archived(events: Rig) -> tuple[int, int]:
    shown = await events("DescribeArchive", ArchiveName="a")
    return shown["EventCount"], shown["SizeBytes"]


async def test_a_replay_gives_every_event_once_in_the_order_of_their_times(
    events: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "_AT_ONCE", 3)
    await events.rule("r", EventPattern='{"source": ["shop"]}')
    ids: dict[str, datetime] = {}
    for number in range(20):
        # In each call two events of now and one of another time; some calls are of one second.
        old = START - timedelta(minutes=number * 7 % 20)
        (one, two, three) = await events.put({}, {"Time": old}, {})
        now = datetime.fromtimestamp(events.clock.now_ms() // 1000, UTC)
        ids |= {one: now, two: old, three: now}
        if number % 3 == 0:
            await events.clock.advance(1)
    before = {event["id"]: event for event in await events.received()}
    assert set(before) == set(ids)
    await start(events)
    await events.put({})  # after the start: not replayed
    assert len(await events.received()) == 1
    await events.work(run_replays)
    shown = await ended(events)
    found = await events.received()
    assert sorted(event["id"] for event in found) == sorted(ids)
    assert [event["time"] for event in found] == sorted(event["time"] for event in found)
    for event in found:
        assert event.pop("replay-name") == "again"
        assert event == before[event["id"]]
    assert shown["State"] == "COMPLETED"
    assert shown["EventLastReplayedTime"] == max(ids.values())
    assert shown["ReplayEndTime"] == datetime.fromtimestamp(events.clock.now_ms() / 1000, UTC)
    # What was replayed is not archived again.
    assert (await archived(events))[0] == len(ids) + 1


async def test_only_events_within_the_window_are_replayed(events: Rig) -> None:
    await events.rule("r", EventPattern='{"source": ["shop"]}')
    times = [START + timedelta(seconds=second) for second in range(5)]
    ids = await events.put(*({"Time": time} for time in times))
    await events.received()
    await start(events, EventStartTime=times[1], EventEndTime=times[3])
    await events.work(run_replays)
    assert (await ended(events))["EventLastReplayedTime"] == times[2]
    assert [event["id"] for event in await events.received()] == ids[1:3]


async def test_a_replay_may_be_for_some_rules_only(events: Rig) -> None:
    for name in ("r", "other", "none"):
        pattern = '{"source": ["shop"]}' if name != "none" else '{"source": ["elsewhere"]}'
        await events.rule(name, f"q-{name}", EventPattern=pattern)
    await events.put({})
    for name in ("r", "other"):
        assert len(await events.received(f"q-{name}")) == 1
    arn = "arn:aws:events:eu-west-1:123456789012:rule/"
    await start(events, Destination={"Arn": BUS, "FilterArns": [arn + "r", arn + "none"]})
    await events.work(run_replays)
    await ended(events)
    assert [len(await events.received(f"q-{name}")) for name in ("r", "other", "none")] == [1, 0, 0]


async def test_a_replay_goes_on_after_a_restart_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "_AT_ONCE", 2)
    clock = VirtualClock(int(START.timestamp() * 1000))
    ids: list[str] = []
    async with rig(tmp_path, clock) as events:
        await events("CreateArchive", ArchiveName="a", EventSourceArn=BUS)
        for _ in range(12):
            ids += await events.put({})
        await events.rule("r", EventPattern='{"source": ["shop"]}')
        await start(events)
    reached = 1
    for _ in range(4):  # each time the node ends after a step or in the middle of the next one
        async with rig(tmp_path, clock) as events:
            await events.work(run_replays)
            async with asyncio.timeout(20):
                while (revision := await progress(events)) == reached:
                    await asyncio.sleep(0)
            reached = revision
    async with rig(tmp_path, clock) as events:
        await events.work(run_replays)
        assert (await ended(events))["State"] == "COMPLETED"
        assert [event["id"] for event in await events.received()] == ids


async def test_a_step_and_its_progress_are_one_commit(events: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancellation that comes between: the step is not made, nor half of it."""
    await events.rule("r", EventPattern='{"source": ["shop"]}')
    await events.put({})
    await events.received()
    await start(events)
    record = await events.store.get(SCOPE, REPLAY, "again")
    assert record is not None
    (item,) = await events.store.lease(SYSTEM, QUEUE, 1, 1000)
    await events("CancelReplay", ReplayName="again")
    with pytest.raises(Conflict):
        await replaying._replay_entries(events.platform, SCOPE, record, item)
    assert await events.received() == []
    await events.store.change_lease(SYSTEM, QUEUE, item.id, events.clock.now_ms())
    await events.work(run_replays)
    assert (await ended(events))["State"] == "CANCELLED"
    assert await events.received() == []
    with pytest.raises(AwsError, match="IllegalStatusException"):
        await events("CancelReplay", ReplayName="again")


async def test_a_replay_of_an_archive_that_is_deleted_fails(events: Rig) -> None:
    await events.put({})
    await start(events)
    await events("DeleteArchive", ArchiveName="a")
    await events("CreateArchive", ArchiveName="a", EventSourceArn=BUS)  # another one
    await events.work(run_replays)
    shown = await ended(events)
    assert (shown["State"], shown["StateReason"]) == ("FAILED", "Archive a was deleted.")


async def test_a_replay_waits_while_too_much_waits(events: Rig) -> None:
    await events.rule("r", EventPattern='{"source": ["shop"]}')
    await events.put({})
    await events.received()
    await start(events)
    events.backlog.full = True
    await events.work(run_replays)
    await events.clock.advance(10)
    assert (await events("DescribeReplay", ReplayName="again"))["State"] == "STARTING"
    events.backlog.full = False
    await events.clock.advance(2)
    assert (await ended(events))["State"] == "COMPLETED"
    assert len(await events.received()) == 1


async def test_ten_replays_at_most_and_none_is_known_after_90_days(events: Rig) -> None:
    for number in range(10):
        await start(events, f"r{number}")
    with pytest.raises(AwsError, match="LimitExceededException"):
        await start(events, "one-more")
    await events.work(run_replays)
    for number in range(10):
        await ended(events, f"r{number}")
    await start(events, "one-more")
    await ended(events, "one-more")
    await events.stop_work()
    began = events.clock.monotonic()
    await events.clock.advance(89 * DAY)
    await events.work(delete_old_replays)
    async with asyncio.timeout(20):
        while (await events("ListReplays"))["Replays"]:
            await events.clock.advance(3600)
    assert events.clock.monotonic() - began > 90 * DAY


async def test_what_was_kept_long_enough_goes(events: Rig) -> None:
    await events("UpdateArchive", ArchiveName="a", RetentionDays=2)
    await events.put({"Detail": '{"n": 1}'}, {"Time": START + timedelta(days=5)})
    await events.clock.advance(1.5 * DAY)
    await events.put({})
    assert (await archived(events))[0] == 3
    await events.clock.advance(1 * DAY)
    await events.put({"Time": START})  # not counted yet, and too old already
    await events.work(trim_archives)
    async with asyncio.timeout(20):
        while (await archived(events))[0] != 2:
            await asyncio.sleep(0.002)
    log = Archive.of((await events.store.list(SCOPE, ARCHIVE))[0]).log
    left = await events.store.read(SCOPE, log)
    assert await archived(events) == (2, sum(len(entry.data) for entry in left))


async def test_many_entries_go_some_at_a_time(events: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from nightbus.services.events import archive_sizes

    monkeypatch.setattr(archive_sizes, "_AT_ONCE", 4)
    await events("UpdateArchive", ArchiveName="a", RetentionDays=1)
    for second in (0, 1, 1, 1, 1, 1, 1, 2, 2, 3, 4):
        await events.put({"Time": START + timedelta(seconds=second)})
    await events.put({"Time": START + timedelta(days=1)})
    await events.clock.advance(DAY + 60)
    await events.work(trim_archives)
    async with asyncio.timeout(20):
        while (await archived(events))[0] != 1:
            await asyncio.sleep(0.002)


async def test_what_is_left_of_a_deleted_archive_is_swept(events: Rig) -> None:
    await events.put({})
    await archived(events)
    log = Archive.of((await events.store.list(SCOPE, ARCHIVE))[0]).log
    await events("DeleteArchive", ArchiveName="a")
    assert await events.store.logs(SCOPE, archive_log()) == []
    assert await events.store.list(SCOPE, SIZE) == []
    with pytest.raises(Ended):  # an event that was being committed at that moment
        await events.store.commit(Append(SCOPE, log, 1, b"{}"))
    # What an older node left of one, and a count.
    left = archive_log("left")
    await events.store.commit(
        Append(SCOPE, left, 1, b"{}"),
        PutRecord(SCOPE, SIZE, left, {"counted": 0, "events": 0, "bytes": 0}),
    )
    await events("CreateArchive", ArchiveName="a", EventSourceArn=BUS)
    await events.put({})
    assert (await archived(events))[0] == 1
    await events.work(trim_archives)
    async with asyncio.timeout(20):
        while len(await events.store.logs(SCOPE, archive_log())) != 1 or (
            len(await events.store.list(SCOPE, SIZE)) != 1
        ):
            await asyncio.sleep(0.002)
    assert (await archived(events))[0] == 1


async def test_a_replay_with_a_fault_fails_after_ten_minutes_and_delays_no_other(
    events: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await events.rule("r", EventPattern='{"source": ["shop"]}')
    (event_id,) = await events.put({})
    await events.received()
    await start(events, "broken")
    record = await events.store.get(SCOPE, REPLAY, "broken")
    assert record is not None
    await events.store.commit(PutRecord(SCOPE, REPLAY, "broken", {**record.value, "At": "nowhere"}))
    await start(events, "sound")
    began = events.clock.now_ms()
    await events.work(run_replays)
    assert (await ended(events, "sound"))["State"] == "COMPLETED"
    async with asyncio.timeout(20):
        while (shown := await events("DescribeReplay", ReplayName="broken"))["State"] != "FAILED":
            await events.clock.advance(5)
            await asyncio.sleep(0.002)
    assert shown["StateReason"] == "Internal failure."
    assert events.clock.now_ms() - began < 20 * 60_000
    assert await events.store.count(SYSTEM, QUEUE) == Counts(0, 0, 0)
    assert [event["id"] for event in await events.received()] == [event_id]
