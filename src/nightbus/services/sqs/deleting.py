"""Deletes messages: DeleteMessage and DeleteMessageBatch answer after the deletion is on disk."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.sqs.batches import check_entries, failed_entry, outcome
from nightbus.services.sqs.queue_addresses import find_queue
from nightbus.services.sqs.receipt_handles import receipt_of
from nightbus.store.interface import Change


async def delete_message(ctx: Context, *, queue_url: str, receipt_handle: str) -> None:
    """Delete a message. An older handle of the message works too, and one of a deleted message has no effect."""
    queue = await find_queue(ctx, queue_url, "sqs:deletemessage")
    receipt = await receipt_of(ctx, queue, receipt_handle)
    await ctx.store.commit(ctx.platform.queues.delete(queue, receipt.item))


async def delete_message_batch(
    ctx: Context, *, queue_url: str, entries: list[dict[str, Any]]
) -> dict[str, Any]:
    queue = await find_queue(ctx, queue_url, "sqs:deletemessage")
    check_entries(entries, "DeleteMessageBatchRequestEntry")
    changes: list[Change] = []
    successful, failed = [], []
    for entry in entries:
        try:
            receipt = await receipt_of(ctx, queue, entry["ReceiptHandle"])
        except AwsError as error:
            failed.append(failed_entry(entry, error))
            continue
        changes.append(ctx.platform.queues.delete(queue, receipt.item))
        successful.append({"Id": entry["Id"]})
    await ctx.store.commit(*changes)
    return outcome(successful, failed)
