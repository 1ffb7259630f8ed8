"""Drops messages that nobody deleted while their queue retained them, and deduplication ids that are too old."""

from __future__ import annotations

from nightbus.messaging.deduplication import WINDOW_MS, log_of
from nightbus.messaging.queue import KIND, Queue
from nightbus.messaging.topic import TOPIC, Topic
from nightbus.services.context import Platform
from nightbus.store.interface import Change, TrimLog, TrimQueue
from nightbus.store.upkeep import one_of_many

_EVERY_SECONDS = 60.0


async def drop_expired(platform: Platform) -> None:
    """A duty of one node. A receive passes over what has expired since the last time."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        now = platform.clock.now_ms()
        for scope in await platform.store.scopes(KIND):
            changes: list[Change] = []
            for record in await platform.store.list(scope, KIND):
                with one_of_many("dropping what expired of queue", record.key):
                    queue = Queue.of(scope, record)
                    changes.append(TrimQueue(scope, queue.queue, now - queue.retention_ms))
                    if queue.fifo:
                        changes.append(TrimLog(scope, log_of(queue.queue), now - WINDOW_MS))
            await platform.store.commit(*changes)
        await _drop_ids_of_topics(platform, now)


async def _drop_ids_of_topics(platform: Platform, now: int) -> None:
    """The deduplication ids of FIFO topics that are older than their window."""
    for scope in await platform.store.scopes(TOPIC):
        changes: list[Change] = []
        for record in await platform.store.list(scope, TOPIC):
            with one_of_many("dropping what expired of topic", record.key):
                topic = Topic.of(scope, record, ())
                if topic.fifo:
                    changes.append(TrimLog(scope, log_of(topic.topic), now - WINDOW_MS))
        await platform.store.commit(*changes)


async def forget_expired(platform: Platform) -> None:
    """A worker of each node: what it remembers of messages that are gone."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        now = platform.clock.now_ms()
        platform.queues.forget(now)
        platform.topics.forget(now)
