"""Messages of event streams, as botocore's decoder reads them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from botocore import eventstream
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.replies import EventStream
from nightbus.gateway.models import load_service
from nightbus.gateway.protocols import PROTOCOLS
from nightbus.gateway.protocols.event_stream import message

_NAMES = st.text(st.characters(codec="ascii", exclude_characters="\0"), min_size=1, max_size=60)


@given(st.dictionaries(_NAMES, st.text(max_size=200), max_size=5), st.binary(max_size=2000))
def test_a_message_is_read_as_it_was_written(headers: dict[str, str], payload: bytes) -> None:
    buffer: Any = eventstream.EventStreamBuffer()
    written = message(headers, payload)
    buffer.add_data(written[:7])
    buffer.add_data(written[7:])
    (read,) = buffer
    assert (read.headers, read.payload) == (headers, payload)


async def test_events_follow_the_model() -> None:
    events: list[tuple[str, dict[str, Any]]] = [
        ("PayloadChunk", {"Payload": b"\x00\xff"}),
        ("PayloadChunk", {"Payload": b""}),
        ("InvokeComplete", {"ErrorCode": "E", "ErrorDetails": "ö"}),
    ]
    closed = []

    async def source() -> AsyncGenerator[tuple[str, Mapping[str, Any]], None]:
        try:
            for event in events:
                yield event
        finally:
            closed.append(True)

    operation = load_service("lambda").operations["InvokeWithResponseStream"]
    output = {"StatusCode": 200, "EventStream": EventStream(source())}
    response = PROTOCOLS["rest-json"].serialize(operation, output, "id")
    assert response.headers["content-type"] == "application/vnd.amazon.eventstream"
    assert not isinstance(response.body, bytes)
    buffer: Any = eventstream.EventStreamBuffer()
    async for piece in response.body:
        buffer.add_data(piece)
    read = [(one.headers[":event-type"], one.headers[":message-type"], one.payload) for one in buffer]
    assert read[:2] == [("PayloadChunk", "event", b"\x00\xff"), ("PayloadChunk", "event", b"")]
    assert json.loads(read[2][2]) == {"ErrorCode": "E", "ErrorDetails": "ö"}
    assert closed == [True]
