"""Streams what happens on the buses as lines of JSON: `events/tail`. What the lines say is made in `tail`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.bus.errors import InvalidPattern
from nightbus.bus.json_text import write_json
from nightbus.bus.patterns import parse_pattern
from nightbus.node.admin.request import AdminRequest, Receive, Send
from nightbus.node.admin.tail import Selection, tail


async def stream_tail(request: AdminRequest) -> None:
    """Sends lines until the client disconnects or the node stops. Raises AwsError where the query is wrong."""
    selection = _selection(request)
    headers = [(b"content-type", b"application/x-ndjson"), (b"cache-control", b"no-store")]
    await request.send({"type": "http.response.start", "status": 200, "headers": headers})
    lines = tail(request.node.platform, selection)
    sending = asyncio.create_task(_send_lines(lines, request.send))
    ends = [
        asyncio.create_task(_wait_for_disconnect(request.receive)),
        asyncio.create_task(request.node.ending.wait()),
    ]
    await asyncio.wait({sending, *ends}, return_when=asyncio.FIRST_COMPLETED)
    for task in (sending, *ends):
        task.cancel()
    await asyncio.gather(sending, *ends, return_exceptions=True)
    await request.send({"type": "http.response.body", "body": b""})


def _selection(request: AdminRequest) -> Selection:
    """Query: `account`, `region`, `bus`, `pattern`, `since` (UTC ms, by default now), `log_groups` (by commas).

    Raises AwsError.
    """
    query = request.query
    try:
        since = int(query.get("since") or request.node.clock.now_ms())
        pattern = parse_pattern(query["pattern"]) if query.get("pattern") else None
    except InvalidPattern as broken:
        raise AwsError("InvalidEventPatternException", str(broken)) from broken
    except ValueError as broken:
        raise AwsError("ValidationException", "`since` must be UTC milliseconds.") from broken
    groups = tuple(name for name in query.get("log_groups", "").split(",") if name)
    return Selection(request.queried_scope, query.get("bus", ""), since, pattern, groups)


async def _send_lines(lines: AsyncIterator[dict[str, Any]], send: Send) -> None:
    async for line in lines:
        await send(
            {"type": "http.response.body", "body": write_json(line).encode() + b"\n", "more_body": True}
        )


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
