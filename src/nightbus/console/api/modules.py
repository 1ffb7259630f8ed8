"""Lists the modules of the API. Each has `ROUTES`."""

from __future__ import annotations

from nightbus.console.api import buses, events, live, messages, queues
from nightbus.console.api.routing import Routes

TABLES: tuple[Routes, ...] = (
    buses.ROUTES,
    events.ROUTES,
    live.ROUTES,
    messages.ROUTES,
    queues.ROUTES,
)
