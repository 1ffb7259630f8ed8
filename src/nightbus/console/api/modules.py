"""Lists the modules of the API. Each has `ROUTES`."""

from __future__ import annotations

from nightbus.console.api import archives, buses, events, live, logs, messages, patterns, queues
from nightbus.console.api.routing import Routes

TABLES: tuple[Routes, ...] = (
    archives.ROUTES,
    buses.ROUTES,
    events.ROUTES,
    live.ROUTES,
    logs.ROUTES,
    messages.ROUTES,
    patterns.ROUTES,
    queues.ROUTES,
)
