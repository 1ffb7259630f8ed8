"""How does one log event lie in the store, and what identifies it outside?

An entry's time is the event's timestamp; its data are the message and the time of its ingestion.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.services.logs.names import log_name
from nightbus.store.interface import Append, Entry

_TIME_BITS = 144  # so that an id has AWS's 56 digits and ids sort by time


def appends(
    scope: Scope, group: str, stream: str, events: Iterable[tuple[int, str]], ingested: int
) -> Iterator[Append]:
    """The changes that add `events` (UTC milliseconds, message) to the stream."""
    log = log_name(group, stream)
    for time, message in events:
        # A lone surrogate, which a client can put into a message as an escape, cannot be kept as UTF-8.
        text = message.encode("utf-8", "replace").decode()
        yield Append(scope, log, time, orjson.dumps([ingested, text]))


def content(entry: Entry) -> tuple[int, str]:
    """The time of ingestion and the message."""
    ingested, message = orjson.loads(entry.data)
    return ingested, message


def output_event(entry: Entry) -> dict[str, Any]:
    ingested, message = content(entry)
    return {"timestamp": entry.time, "message": message, "ingestionTime": ingested}


def event_id(entry: Entry) -> str:
    low = zlib.crc32(entry.log.encode()) << 64 | entry.offset
    return str(entry.time << _TIME_BITS | low).zfill(56)
