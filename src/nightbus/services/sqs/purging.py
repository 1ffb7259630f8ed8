"""Answers PurgeQueue, which deletes all messages of a queue, including those in flight."""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.messaging.queue import KIND, Queue
from nightbus.services.context import Context
from nightbus.services.sqs.queue_addresses import shared_record
from nightbus.store.interface import PutRecord, TrimQueue

_EVERY_MS = 60_000


async def purge_queue(ctx: Context, *, queue_url: str) -> None:
    scope, record = await shared_record(ctx, queue_url, "sqs:purgequeue")
    now = ctx.now_ms()
    if record.value["purged"] <= now < record.value["purged"] + _EVERY_MS:
        raise _in_progress(record.key)
    value = {**record.value, "purged": now}
    queue = Queue.of(scope, record)
    await ctx.store.commit(
        PutRecord(scope, KIND, record.key, value, record.revision), TrimQueue(scope, queue.queue)
    )
    ctx.platform.queues.emptied(queue)


def _in_progress(name: str) -> AwsError:
    text = f"Only one PurgeQueue operation on {name} is allowed every 60 seconds."
    return AwsError("PurgeQueueInProgress", text, 403)
