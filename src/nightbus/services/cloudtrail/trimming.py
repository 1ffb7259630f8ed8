"""Trims the audit trail to a number of days, and the trails of all accounts and regions to a number of megabytes."""

from __future__ import annotations

from nightbus.delivery.retention import STEP_MS, Retention, first_kept
from nightbus.identity.audit import TRAIL
from nightbus.services.context import Platform
from nightbus.store.interface import Store, TrimLog

_EVERY_SECONDS = 600.0


async def trim_trail(platform: Platform) -> None:
    """Delete what exceeds the limits every ten minutes, as a duty."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        await trim(platform.store, platform.trail_retention, platform.clock.now_ms())


async def trim(store: Store, retention: Retention, now_ms: int) -> None:
    scopes = [scope for scope in await store.log_scopes() if TRAIL in await store.logs(scope, TRAIL)]
    sizes = [await store.log_sizes(scope, TRAIL, STEP_MS) for scope in scopes]
    before = first_kept(sizes, retention, now_ms)
    for scope, size in zip(scopes, sizes, strict=True):
        for step in sorted(size):
            if step < before:
                await store.commit(TrimLog(scope, TRAIL, min(step + STEP_MS, before)))
