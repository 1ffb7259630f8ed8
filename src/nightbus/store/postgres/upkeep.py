"""Deletes now and then what nobody uses any more: names that were dropped, moments of requests that nobody made."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from nightbus.store.postgres.names import delete_dropped
from nightbus.store.postgres.rates import delete_past_moments

if TYPE_CHECKING:
    import asyncpg

log = logging.getLogger("nightbus.store")
_UPKEEP_SECONDS = 60.0


async def delete_unused_now_and_then(pool: asyncpg.Pool) -> None:
    """Until it is cancelled. Each node does so; none waits for what another one is deleting."""
    while True:
        await asyncio.sleep(_UPKEEP_SECONDS)
        try:
            await delete_dropped(pool)
            await delete_past_moments(pool)
        except Exception as failure:
            log.warning("names and moments that are not used any more stay for now: %s", failure)
