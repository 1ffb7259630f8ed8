"""Trims the history of buses to a number of hours, and all histories together to a number of megabytes.

It trims the outcomes of deliveries, the ends of invocations and the logs of traces with them. It deletes the oldest
entries in steps of a minute of their time, so that each commit is small and delays no request.
"""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.delivery.retention import STEP_MS, Retention, first_kept
from nightbus.delivery.rules import history_log, outcome_log
from nightbus.delivery.trace_log import LOGS
from nightbus.functions.logs.invocation_log import INVOCATIONS
from nightbus.services.context import Platform
from nightbus.store.interface import SYSTEM, Store, TrimLog

_EVERY_SECONDS = 300.0


async def trim_history(platform: Platform) -> None:
    """Delete what exceeds the limits every five minutes, as a duty."""
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
    bus_logs = [
        (scope, name)
        for scope in await store.log_scopes()
        for prefix in (history_log(""), outcome_log(""), INVOCATIONS)
        for name in await store.logs(scope, prefix)
    ]
    return [*bus_logs, *((SYSTEM, name) for name in LOGS)]
