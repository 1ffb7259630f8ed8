"""Finds the message that a receipt handle stands for, and checks that it still does."""

from __future__ import annotations

from nightbus.messaging.queue import Queue
from nightbus.messaging.receipts import Receipt, read_receipt
from nightbus.services.context import Context
from nightbus.services.sqs.errors import invalid_handle, malformed_handle


async def receipt_of(ctx: Context, queue: Queue, handle: str) -> Receipt:
    """Raises AwsError for what is no handle, or for a FIFO queue's that has expired."""
    receipt = read_receipt(queue.queue, handle)
    if receipt is None:
        raise malformed_handle(handle)
    if queue.fifo:
        lease = await ctx.platform.queues.newest_lease(queue, receipt.item)
        if lease is not None and (lease.token != receipt.token or lease.ends <= ctx.now_ms()):
            raise invalid_handle(handle, "The receipt handle has expired.")
    return receipt
