"""Lists the modules of the API. Each has `ROUTES`."""

from __future__ import annotations

from nightbus.console.api import (
    archives,
    buses,
    events,
    functions,
    invocations,
    live,
    logs,
    map,
    message_moves,
    messages,
    node_settings,
    overview,
    patterns,
    queues,
    refusals,
    session,
    stacks,
    test_events,
)
from nightbus.console.api.routing import Routes

TABLES: tuple[Routes, ...] = (
    archives.ROUTES,
    buses.ROUTES,
    events.ROUTES,
    functions.ROUTES,
    invocations.ROUTES,
    live.ROUTES,
    logs.ROUTES,
    map.ROUTES,
    message_moves.ROUTES,
    messages.ROUTES,
    node_settings.ROUTES,
    overview.ROUTES,
    patterns.ROUTES,
    queues.ROUTES,
    refusals.ROUTES,
    session.ROUTES,
    stacks.ROUTES,
    test_events.ROUTES,
)
