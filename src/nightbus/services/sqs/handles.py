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
    queues = ctx.platform.queues
    taken_again = await queues.lease_token(queue, receipt.item) not in (0, receipt.token)
    if queue.fifo and (taken_again or queues.is_back(receipt.item)):
        raise invalid_handle(handle, "The receipt handle has expired.")
    return receipt
