"""Streams what happens, as server-sent events: `/live`.

Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from nightbus.bus.json_text import write_json
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import EventStream, Query
from nightbus.node.admin.tail import Selection, tail


class LiveQuery(Query, frozen=True):
    """`topics` by commas: events, deliveries, logs. `group`: the log groups of `logs`, by commas."""

    topics: str = "events,deliveries"
    bus: str = ""
    pattern: str = ""
    group: str = ""


async def live(request: ApiRequest, query: LiveQuery) -> EventStream:
    """Stream what happens from now on, as messages `event: TOPIC`, whose data is a JSON array.

    `id` is a position: a browser that connects again goes on from there.
    """
    session = request.session
    return EventStream(_messages(request, query), lambda: session is None or not session.ended)


async def _messages(request: ApiRequest, query: LiveQuery) -> AsyncIterator[bytes]:
    topics = set(query.topics.split(","))
    yield b"retry: 1000\n: begun\n\n"
    groups = tuple(one for one in query.group.split(",") if one)
    async for line in tail(
        request.platform, Selection(request.scope, query.bus, request.now_ms(), None, groups)
    ):
        topic = "events" if "event" in line else "deliveries" if "delivery" in line else "logs"
        if "beat" in line:
            yield b": beat\n\n"
        elif topic in topics:
            yield f"event: {topic}\ndata: {write_json([line])}\n\n".encode()


ROUTES: Routes = {"GET /live": live}
