"""Changes the visibility timeouts of messages: ChangeMessageVisibility and its batch."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.messaging.queue import Queue
from nightbus.services.context import Context
from nightbus.services.sqs.batches import check_entries, failed_entry, outcome
from nightbus.services.sqs.errors import invalid_value, missing_parameter
from nightbus.services.sqs.queue_addresses import find_queue
from nightbus.services.sqs.receipt_handles import receipt_of

_ACTION = "sqs:changemessagevisibility"
_LONGEST = 43_200


async def change_message_visibility(
    ctx: Context, *, queue_url: str, receipt_handle: str, visibility_timeout: int
) -> None:
    queue = await find_queue(ctx, queue_url, _ACTION)
    await _change(ctx, queue, receipt_handle, visibility_timeout)


async def change_message_visibility_batch(
    ctx: Context, *, queue_url: str, entries: list[dict[str, Any]]
) -> dict[str, Any]:
    queue = await find_queue(ctx, queue_url, _ACTION)
    check_entries(entries, "ChangeMessageVisibilityBatchRequestEntry")
    successful, failed = [], []
    for entry in entries:
        try:
            await _change(ctx, queue, entry["ReceiptHandle"], entry.get("VisibilityTimeout"))
        except AwsError as error:
            failed.append(failed_entry(entry, error))
            continue
        successful.append({"Id": entry["Id"]})
    return outcome(successful, failed)


async def _change(ctx: Context, queue: Queue, handle: str, seconds: int | None) -> None:
    if seconds is None:
        raise missing_parameter("VisibilityTimeout")
    if not 0 <= seconds <= _LONGEST:
        raise invalid_value(seconds, "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided.")
    receipt = await receipt_of(ctx, queue, handle)
    now = ctx.now_ms()
    if now + seconds * 1000 > receipt.received + _LONGEST * 1000:
        reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]"
        raise invalid_value(seconds, "VisibilityTimeout", reason)
    lease = await ctx.platform.queues.newest_lease(queue, receipt.item)
    if lease is None:
        reason = "Message does not exist or is not available for visibility timeout change."
        raise invalid_value(handle, "ReceiptHandle", reason)
    if lease.token != receipt.token or not lease.ends:
        raise AwsError("MessageNotInflight", "The specified message isn't in flight.")
    await ctx.platform.queues.change_visibility(queue, receipt.item, now + seconds * 1000)
