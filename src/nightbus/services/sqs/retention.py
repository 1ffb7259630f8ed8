"""Deletes messages that are older than their queue's retention period, and deduplication ids that are too old."""

from __future__ import annotations

from nightbus.messaging.deduplication import WINDOW_MS, log_of
from nightbus.messaging.queue import KIND, Queue
from nightbus.messaging.topic import TOPIC, Topic
from nightbus.services.context import Platform
from nightbus.store.interface import Change, TrimLog, TrimQueue
from nightbus.store.upkeep import one_of_many

_EVERY_SECONDS = 60.0


async def delete_expired_messages(platform: Platform) -> None:
    """Delete expired messages from time to time, as a duty. Until then a receive skips them."""
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


async def forget_expired_messages(platform: Platform) -> None:
    """Drop what this node remembers in memory of messages that no longer exist, as a worker."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        now = platform.clock.now_ms()
        platform.queues.forget(now)
        platform.topics.forget(now)
