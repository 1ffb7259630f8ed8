"""Carries out replays: puts the entries of an archive's log on the bus in the order of their events' times.

A replay is a record and an item of one queue. Each step is one commit with up to 100 entries' events and the replay's
new position, so after a crash the replay continues exactly there. An item goes back to the queue after its step, so
concurrent replays alternate.

| state      | becomes    | when                                          |
|------------|------------|-----------------------------------------------|
| STARTING   | RUNNING    | the first step is committed                   |
| RUNNING    | COMPLETED  | there are no further entries                  |
| any above  | FAILED     | the archive was deleted, or steps fail in a   |
|            |            | row, other than by the store                  |
| any above  | CANCELLING | CancelReplay                                  |
| CANCELLING | CANCELLED  | the worker reads the replay's record again    |
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.bus.envelope import id_of
from nightbus.delivery.archives import ARCHIVE, Archive, archived_events, replayed
from nightbus.delivery.interface import Audience, Batch, Event, Overloaded
from nightbus.services.context import Platform
from nightbus.store.interface import (
    SYSTEM,
    Change,
    Conflict,
    DeleteRecord,
    Entry,
    Item,
    PutRecord,
    Record,
    StaleLease,
)
from nightbus.store.upkeep import is_passing, one_of_many

log = logging.getLogger("nightbus.events")

REPLAY = "events/replay"
QUEUE = "events/replays"
_AT_ONCE = 100  # entries
_MOST_BYTES = 4 * 1024 * 1024
_LEASE_MS = 60_000
_AGAIN_MS = 1_000  # while the backlog is full
_AFTER_TROUBLE_MS = 5_000  # twice as long after each further failure in a row
_MOST_FAILURES = 7  # in a row: ten minutes
_WAIT_SECONDS = 60.0
_KEPT_MS = 90 * 24 * 3600 * 1000
_EVERY_SECONDS = 3600.0


async def run_replays(platform: Platform) -> None:
    """Make one step of each replay in turn, as a worker."""
    failures = Counter[int]()  # in a row, by item
    while True:
        for item in await platform.store.lease(SYSTEM, QUEUE, 1, _LEASE_MS, _WAIT_SECONDS):
            try:
                await _step(platform, item)
                failures.pop(item.id, None)
            except Overloaded:
                await _give_back(platform, item, _AGAIN_MS)
            except StaleLease as stale:
                log.info("a step of a replay is discarded: %s", stale)
            except Conflict:  # the replay was cancelled in between
                await _give_back(platform, item, 0)
            except Exception as failure:
                log.exception("a step of replay %d failed; it is tried again", item.id)
                so_far = failures.pop(item.id, 0) + (not is_passing(failure))
                if so_far >= _MOST_FAILURES and await _break_off(platform, item):
                    continue
                failures[item.id] = min(so_far, _MOST_FAILURES)
                await _give_back(platform, item, _AFTER_TROUBLE_MS << failures[item.id])


async def _give_back(platform: Platform, item: Item, in_ms: int) -> None:
    now = platform.clock.now_ms()
    await platform.store.change_lease(*item.queue, item.id, now + in_ms, item.token)


def _replay_of(item: Item) -> tuple[Scope, str]:
    """The scope and the name of the replay. Raises ValueError or TypeError for an item that cannot be read."""
    account_and_region, name = orjson.loads(item.data)
    return Scope(*account_and_region), name


async def _break_off(platform: Platform, item: Item) -> bool:
    """End a replay with a fault. Returns whether it is ended: its record may be what cannot be read."""
    scope, name = _replay_of(item)
    with one_of_many("the end of replay", name):
        record = await platform.store.get(scope, REPLAY, name)
        if record is not None:
            await _end(platform, scope, record, item, {"State": "FAILED", "StateReason": "Internal failure."})
            return True
    return False


async def _step(platform: Platform, item: Item) -> None:
    try:
        scope, name = _replay_of(item)
    except (ValueError, TypeError):
        log.exception("item %d of the replays is dropped, it cannot be read", item.id)
        await platform.store.commit(item.acknowledge())
        return
    record = await platform.store.get(scope, REPLAY, name)
    if record is None:
        await platform.store.commit(item.acknowledge())
        return
    archive = await platform.store.get(scope, ARCHIVE, record.value["Archive"])
    if record.value["State"] == "CANCELLING":
        await _end(platform, scope, record, item, {"State": "CANCELLED"})
    elif archive is None or Archive.of(archive).log != record.value["Log"]:
        reason = f"Archive {record.value['Archive']} was deleted."
        await _end(platform, scope, record, item, {"State": "FAILED", "StateReason": reason})
    else:
        await _replay_entries(platform, scope, record, item)


async def _end(platform: Platform, scope: Scope, record: Record, item: Item, members: dict[str, Any]) -> None:
    value = {**record.value, **members, "ReplayEndTime": platform.clock.now_ms()}
    await platform.store.commit(_put(scope, record, value), item.acknowledge())


def _put(scope: Scope, record: Record, value: dict[str, Any]) -> PutRecord:
    return PutRecord(scope, REPLAY, record.key, value, expect=record.revision)


async def _replay_entries(platform: Platform, scope: Scope, record: Record, item: Item) -> None:
    entries = await _next_entries(platform, scope, record.value)
    if not entries:
        await _end(platform, scope, record, item, {"State": "COMPLETED"})
        return
    now = platform.clock.now_ms()
    last = entries[-1]
    due = [entry for entry in entries if entry.offset <= record.value["Until"]]
    value = {**record.value, "State": "RUNNING", "At": [last.time, last.offset]}
    if due:
        value["EventLastReplayedTime"] = due[-1].time
    also: list[Change] = [_put(scope, record, value), item.give_back(now)]
    events = [
        Event(id_of(text), replayed(text, record.key))
        for entry in due
        for text in archived_events(entry.data)
    ]
    batch = Batch(scope, record.value["EventBusName"], events, now, audience=_audience(record.value))
    await platform.router.put([batch] if events else [], also)


async def _next_entries(platform: Platform, scope: Scope, replay: dict[str, Any]) -> Sequence[Entry]:
    """Return the next entries in the order of (time, offset), as many as one commit should have."""
    logs, end = [replay["Log"]], replay["EventEndTime"]
    time, offset = replay.get("At", (replay["EventStartTime"] - 1, 0))
    entries: list[Entry] = []
    if offset:  # the remaining entries of the last time
        entries = await platform.store.read(
            scope, logs, after=offset, since=time, until=min(time + 1, end), limit=_AT_ONCE
        )
    if len(entries) < _AT_ONCE:
        entries += await platform.store.read(
            scope, logs, since=time + 1, until=end, limit=_AT_ONCE - len(entries)
        )
    size = 0
    for number, entry in enumerate(entries, 1):
        size += len(entry.data)
        if size > _MOST_BYTES:
            return entries[:number]
    return entries


def _audience(replay: dict[str, Any]) -> Audience | None:
    arns = replay["Destination"].get("FilterArns")
    return Audience(frozenset(arn.rpartition("/")[2] for arn in arns), by_pattern=True) if arns else None


async def delete_old_replays(platform: Platform) -> None:
    """Delete the records of replays that ended 90 days ago, as AWS does. A duty."""
    while True:
        before = platform.clock.now_ms() - _KEPT_MS
        for scope in await platform.store.scopes(REPLAY):
            for record in await platform.store.list(scope, REPLAY):
                with one_of_many("forgetting replay", record.key):
                    if record.value.get("ReplayEndTime", before) < before:
                        await platform.store.commit(DeleteRecord(scope, REPLAY, record.key))
        await platform.clock.sleep(_EVERY_SECONDS)
