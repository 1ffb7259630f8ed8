"""Deletes the oldest messages of the outbox: those of more than a week ago, and what exceeds 64 MB of a region."""

from __future__ import annotations

from nightbus.delivery.retention import STEP_MS, Retention, first_kept
from nightbus.messaging.outbox import OUTBOX
from nightbus.services.context import Platform
from nightbus.store.interface import TrimLog

RETENTION = Retention(hours=7 * 24, megabytes=64)
_EVERY_SECONDS = 600.0


async def trim_outbox(platform: Platform) -> None:
    """Delete what exceeds the limits every ten minutes, as a duty."""
    while True:
        now = platform.clock.now_ms()
        for scope in await platform.store.log_scopes():
            sizes = await platform.store.log_sizes(scope, OUTBOX, STEP_MS)
            before = first_kept([sizes], RETENTION, now)
            if any(step < before for step in sizes):
                await platform.store.commit(TrimLog(scope, OUTBOX, before))
        await platform.clock.sleep(_EVERY_SECONDS)
