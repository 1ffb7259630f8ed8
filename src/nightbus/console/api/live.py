"""Streams what happens, as server-sent events: `/live`.

At most ten messages a second for each topic, each with all that is new since the one before. A message's `id` says how
far the logs were read, and a browser that connects again sends it back, so that it misses nothing.
Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from nightbus.aws.errors import AwsError
from nightbus.console.api.live_topics import TOPICS, LiveQuery, Positions, Topic
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import EventStream
from nightbus.console.sessions import sessions_of
from nightbus.node.node import Node

_BEAT_SECONDS = 10.0  # a line that says nothing, so that either side notices when the other is gone
_LEAST_SECONDS = 0.01
_MOST_STREAMS = 100  # a browser has one for each tab that is seen


class _Streams:
    """How many streams of a node are open."""

    def __init__(self, _node: Node) -> None:
        self.open = 0

    def begin(self) -> None:
        """Raises AwsError where there are too many: each of them reads the logs by itself."""
        if self.open >= _MOST_STREAMS:
            text = f"{self.open} live streams are open; close some of them, or the pages that show them."
            raise AwsError("TooManyRequestsException", text, 429)
        self.open += 1


async def live(request: ApiRequest, query: LiveQuery) -> EventStream:
    """Stream what happens from now on, as messages `event: TOPIC`, whose data is a JSON array.

    `events` has rows as `GET /events`, `deliveries` attempts as they end (an event that was delivered in its own commit
    has none), `logs` lines as `GET /logs/events`, `replays` replays whose state has changed. With the header
    `Last-Event-ID`, or with `position`, it goes on from where the message with that id ended.
    """
    names = list(dict.fromkeys(one for one in query.topics.split(",") if one))
    unknown = [name for name in names if name not in TOPICS]
    if unknown or not names:
        raise AwsError("ValidationException", f"`topics` must be some of {', '.join(sorted(TOPICS))}.")
    position = request.http.header("last-event-id") or query.position.encode()
    positions = Positions.of(position, request.now_ms())
    topics: dict[str, Topic] = {}
    streams = request.kept(_Streams)
    streams.begin()

    def close() -> None:
        streams.open -= 1
        for topic in topics.values():
            topic.close()

    try:
        for name in names:
            topics[name] = TOPICS[name](request, query, positions)
    except BaseException:
        close()
        raise
    session, sessions = request.session, request.kept(sessions_of)

    async def still() -> bool:
        return session is None or await sessions.stands(session)

    return EventStream(_messages(topics, positions), still, close)


async def _messages(topics: dict[str, Topic], positions: Positions) -> AsyncIterator[bytes]:
    time = asyncio.get_running_loop().time  # of whoever looks, also where the node has a virtual clock
    due = dict.fromkeys(topics, 0.0)
    quiet_since = time()
    yield b"retry: 1000\nid: %b\n: begun\n\n" % positions.text()
    while True:
        messages = []
        for name, topic in topics.items():
            if due[name] <= time():
                news = await topic.read()
                due[name] = time() + topic.every_ms / 1000
                if news:
                    messages.append(b"event: %b\ndata: [%b]\n" % (name.encode(), b",".join(news)))
        now = time()
        if messages:  # the id belongs to the last one: all of them were read by then
            quiet_since = now
            yield b"\n".join(messages) + b"id: %b\n\n" % positions.text()
        elif now - quiet_since >= _BEAT_SECONDS:
            quiet_since = now
            yield b": beat\n\n"
        await asyncio.sleep(max(_LEAST_SECONDS, min(due.values()) - time()))


ROUTES: Routes = {"GET /live": live}
