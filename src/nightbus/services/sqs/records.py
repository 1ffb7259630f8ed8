"""Changes a queue's record, expecting the revision that was read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nightbus.messaging.queue import KIND
from nightbus.services.context import Context
from nightbus.services.sqs.queue_addresses import queue_record
from nightbus.store.interface import Change, PutRecord, Record


async def change_record(
    ctx: Context, url: str, action: str, change: Callable[[Record], dict[str, Any]], *further: Change
) -> None:
    """Store the value that `change` returns for the record, with `further` changes. Raises Conflict."""
    scope, record = await queue_record(ctx, url, action)
    await ctx.store.commit(PutRecord(scope, KIND, record.key, change(record), record.revision), *further)
