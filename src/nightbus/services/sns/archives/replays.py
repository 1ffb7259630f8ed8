"""Replays archived messages to a subscribed queue, in their order.

A replay without an ending point has the subscription's new messages too: while it goes on, publishing leaves the
subscription out, since the archive has the message. Such a publishing commit requires the subscription's record as it
was, and writes the subscription's LEFT_OUT record. The commit that completes the replay requires that record as it was
before the last read of the archive. So nothing is left out after that read, and what is published later comes later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_hex
from nightbus.delivery.fair_worker import FairWorker, ItemName, Work
from nightbus.delivery.shares import Shares
from nightbus.messaging.notification import Notification
from nightbus.messaging.topic import LEFT_OUT, SUBSCRIPTION, Subscription, Topic, archive_log, topic_arn
from nightbus.services.context import Platform
from nightbus.services.sns.archives.policies import ReplayPolicy
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import (
    SYSTEM,
    Change,
    DeleteRecord,
    Enqueue,
    Entry,
    Item,
    PutRecord,
    Record,
    RequireRecord,
)

REPLAYS = "sns/replays"  # the queue, with an item for each replay
IN_PROGRESS, COMPLETED = "In progress", "Completed"
_LEASE_MS = 120_000
_AT_ONCE = 50  # messages of one commit


def begun_replay(policy: ReplayPolicy, now: int) -> dict[str, Any]:
    """Return what the subscription's record says of a replay that begins at `now` (UTC ms)."""
    return {
        "id": new_hex(16),
        "since": policy.since,
        "until": policy.until,
        "began": now,
        "after": 0,
        "count": 0,
        "status": IN_PROGRESS,
    }


def queued_replay(scope: Scope, key: str, replay: Mapping[str, Any]) -> Enqueue:
    """Return the change that lets the worker carry out the replay of the subscription `key`."""
    item = {"scope": list(scope), "subscription": key, "replay": replay["id"]}
    return Enqueue(SYSTEM, REPLAYS, orjson.dumps(item), replay["began"])


def shown_status(replay: Mapping[str, Any]) -> str:
    """Return a subscription's ReplayStatus."""
    return orjson.dumps({"Status": replay["status"], "ReplayedMessages": replay["count"]}).decode()


async def run_message_replays(platform: Platform) -> None:
    """The worker."""
    worker = FairWorker(platform.store, platform.clock, _LEASE_MS, Shares[ItemName](4, 1))
    worker.add(REPLAYS, partial(_work_of, platform))
    await worker.run_until_cancelled()


def _work_of(platform: Platform, item: Item) -> Work:
    """Raises ValueError and the like for what cannot be read."""
    value = orjson.loads(item.data)
    scope, key, replay_id = Scope(*value["scope"]), str(value["subscription"]), str(value["replay"])

    async def replay_some(_late: bool) -> None:
        await _replay_some(platform, item, scope, key, replay_id)

    return Work("", replay_some)


@retries_on_conflict
async def _replay_some(platform: Platform, item: Item, scope: Scope, key: str, replay_id: str) -> None:
    """Deliver the next messages, and note in the same commit how far the replay is."""
    store, now = platform.store, platform.clock.now_ms()
    record = await store.get(scope, SUBSCRIPTION, key)
    replay = record.value.get("replay") if record is not None else None
    topic = await platform.topics.find_arn(topic_arn(scope, key.partition(":")[0]))
    if record is None or topic is None:
        await store.commit(item.acknowledge(), DeleteRecord(scope, LEFT_OUT, key))
        return
    if not replay or replay["id"] != replay_id:
        await store.commit(item.acknowledge())
        return
    left_out = await store.get(scope, LEFT_OUT, key)  # before the archive is read
    entries = await store.read(
        scope,
        archive_log(topic.topic),
        after=replay["after"],
        since=replay["since"],
        until=replay["until"],
        limit=_AT_ONCE,
    )
    if not entries and replay["status"] == COMPLETED:
        await store.commit(item.acknowledge())
    elif not entries:
        completed = _changed(scope, record, {**replay, "status": COMPLETED})
        unchanged = RequireRecord(scope, LEFT_OUT, key, left_out.revision if left_out is not None else 0)
        await store.commit(completed, unchanged, item.acknowledge())
    else:
        await _deliver(platform, topic, record, entries, [item.give_back(now, item.data)])


def _changed(scope: Scope, record: Record, replay: dict[str, Any]) -> PutRecord:
    return PutRecord(scope, SUBSCRIPTION, record.key, {**record.value, "replay": replay}, record.revision)


async def _deliver(
    platform: Platform, topic: Topic, record: Record, entries: list[Entry], further: list[Change]
) -> None:
    subscription, replay = Subscription.of(topic.scope, record), record.value["replay"]
    writes = platform.queues.writes()
    count = replay["count"]
    try:
        for entry in entries:
            archived = Notification.decoded(orjson.loads(entry.data))
            notification = replace(archived, replayed=replay["began"])
            if subscription.wants(notification):
                await platform.topics.replay(writes, topic, subscription, notification)
                count += 1
    except BaseException:
        writes.settle(committed=False)
        raise
    progress = {**replay, "after": entries[-1].offset, "count": count}
    await writes.commit(_changed(topic.scope, record, progress), *further)
