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
    queues = ctx.platform.queues
    leased_again = await queues.lease_token(queue, receipt.item) not in (0, receipt.token)
    if queue.fifo and (leased_again or queues.is_back(receipt.item)):
        raise invalid_handle(handle, "The receipt handle has expired.")
    return receipt
