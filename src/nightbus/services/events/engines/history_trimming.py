"""Trims the history of buses to so many hours, and so many megabytes of all buses together.

Beside the history of what buses accepted these are the outcomes of deliveries, and what led to what. What goes over
is the oldest, in steps of a minute: each is a small commit, that nobody waits for.
"""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.delivery.retention import STEP_MS, Retention, first_kept
from nightbus.delivery.rules import history_log, outcome_log
from nightbus.delivery.trace_log import LOGS
from nightbus.services.context import Platform
from nightbus.store.interface import SYSTEM, Store, TrimLog

_EVERY_SECONDS = 300.0


async def trim_history(platform: Platform) -> None:
    """A duty of one node: drops what is too old or too much, every five minutes."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        await trim(platform.store, platform.retention, platform.clock.now_ms())


async def trim(store: Store, retention: Retention, now_ms: int) -> None:
    logs = await _logs(store)
    sizes = [await store.log_sizes(scope, name, STEP_MS) for scope, name in logs]
    before = first_kept(sizes, retention, now_ms)
    for (scope, name), size in zip(logs, sizes, strict=True):
        for step in sorted(size):
            if step < before:
                await store.commit(TrimLog(scope, name, min(step + STEP_MS, before)))


async def _logs(store: Store) -> list[tuple[Scope, str]]:
    found = [
        (scope, name)
        for scope in await store.log_scopes()
        for prefix in (history_log(""), outcome_log(""))
        for name in await store.logs(scope, prefix)
    ]
    return [*found, *((SYSTEM, name) for name in LOGS)]
