"""Encodes event streams (`application/vnd.amazon.eventstream`), in which a response has one message for each event.

A message: its length and its headers' length (4 bytes each, big endian), the CRC-32 of these 8 bytes, the headers, the
payload, the CRC-32 of all before it. A header: the length of its name (1 byte), the name, its type (1 byte), its value.
Source: https://docs.aws.amazon.com/transcribe/latest/dg/event-stream.html;
https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from nightbus.aws.replies import EventStream
from nightbus.gateway.models import Shape
from nightbus.gateway.protocols.jsonbody import dump_body

EVENT_STREAM = "application/vnd.amazon.eventstream"
_STRING = 7
_PRELUDE = struct.Struct(">II")
_CRC = struct.Struct(">I")


def message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message. Names and values of headers are text; a value has at most 32,767 bytes."""
    encoded = b"".join(_header(name, value.encode()) for name, value in headers.items())
    total = _PRELUDE.size + _CRC.size + len(encoded) + len(payload) + _CRC.size
    prelude = _PRELUDE.pack(total, len(encoded))
    checked = prelude + _CRC.pack(zlib.crc32(prelude)) + encoded
    return b"".join((checked, payload, _CRC.pack(zlib.crc32(payload, zlib.crc32(checked)))))


def _header(name: str, value: bytes) -> bytes:
    text = name.encode()
    return bytes((len(text),)) + text + struct.pack(">BH", _STRING, len(value)) + value


def encoded_event(shape: Shape, name: str, members: Mapping[str, Any]) -> bytes:
    """The event `name` of the event stream that `shape` describes, with JSON where its payload is not a blob."""
    event = shape.members[name]
    raw = next((key for key, member in event.members.items() if member.traits.get("eventpayload")), None)
    if raw is not None:
        kind, payload = "application/octet-stream", bytes(members.get(raw) or b"")
    else:
        kind, payload = "application/json", orjson.dumps(dump_body(event, members))
    headers = {":event-type": name, ":content-type": kind, ":message-type": "event"}
    return message(headers, payload)


async def encoded_events(shape: Shape, stream: EventStream) -> AsyncIterator[bytes]:
    try:
        async for name, members in stream.events:
            yield encoded_event(shape, name, members)
    finally:
        await stream.events.aclose()
