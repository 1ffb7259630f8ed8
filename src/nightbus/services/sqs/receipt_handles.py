"""Decodes receipt handles, and checks that they are still valid."""

from __future__ import annotations

from nightbus.messaging.queue import Queue
from nightbus.messaging.receipts import Receipt, read_receipt
from nightbus.services.context import Context
from nightbus.services.sqs.errors import invalid_handle, malformed_handle


async def receipt_of(ctx: Context, queue: Queue, handle: str) -> Receipt:
    """Decode a handle. Raises AwsError for what is not a handle, and for an expired handle of a FIFO queue."""
    receipt = read_receipt(queue.queue, handle)
    if receipt is None:
        raise malformed_handle(handle)
    if queue.fifo:
        lease = await ctx.platform.queues.newest_lease(queue, receipt.item)
        if lease is not None and (lease.token != receipt.token or lease.ends <= ctx.now_ms()):
            raise invalid_handle(handle, "The receipt handle has expired.")
    return receipt
