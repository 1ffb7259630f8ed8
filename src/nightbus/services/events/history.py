"""How long is it known what became of an event? A day, then the history of every bus is trimmed."""

from __future__ import annotations

from nightbus.delivery.rules import history_log, outcome_log
from nightbus.services.context import Platform
from nightbus.store.interface import TrimLog

KEPT_MS = 24 * 3600 * 1000
_EVERY_SECONDS = 600.0


async def trim_history(platform: Platform) -> None:
    """A worker: drops what is older than a day, every ten minutes."""
    while True:
        await platform.clock.sleep(_EVERY_SECONDS)
        before = platform.clock.now_ms() - KEPT_MS
        for scope in await platform.store.log_scopes():
            for prefix in (history_log(""), outcome_log("")):
                for name in await platform.store.logs(scope, prefix):
                    await platform.store.commit(TrimLog(scope, name, before))
