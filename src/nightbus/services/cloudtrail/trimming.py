"""Trims the audit trail to a number of days, and the trails of all accounts and regions to a number of megabytes."""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.aws.calls import Scope
from nightbus.delivery.retention import STEP_MS, Retention, first_kept
from nightbus.identity.audit import NEEDS, REFUSALS, TRAIL
from nightbus.services.context import Platform
from nightbus.store.interface import SYSTEM, Store, TrimLog

_EVERY_SECONDS = 600.0
_MOST_MEGABYTES = 32  # of refusals, and of what roles asked for


async def trim_trail(platform: Platform) -> None:
    """Delete what exceeds the limits every ten minutes, as a duty."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        await trim(platform.store, platform.trail_retention, platform.clock.now_ms())


async def trim(store: Store, retention: Retention, now_ms: int) -> None:
    scopes = [scope for scope in await store.log_scopes() if TRAIL in await store.logs(scope, TRAIL)]
    await _trim_logs(store, [(scope, TRAIL) for scope in scopes], retention, now_ms)
    for name in (REFUSALS, NEEDS):
        await _trim_logs(store, [(SYSTEM, name)], Retention(retention.hours, _MOST_MEGABYTES), now_ms)


async def _trim_logs(
    store: Store, logs: Sequence[tuple[Scope, str]], retention: Retention, now_ms: int
) -> None:
    sizes = [await store.log_sizes(scope, name, STEP_MS) for scope, name in logs]
    before = first_kept(sizes, retention, now_ms)
    for (scope, name), size in zip(logs, sizes, strict=True):
        for step in sorted(size):
            if step < before:
                await store.commit(TrimLog(scope, name, min(step + STEP_MS, before)))
