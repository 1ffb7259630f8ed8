"""Encodes log events as entries of the store, and makes their ids.

An entry's time is the event's timestamp; its data are the time of ingestion and the message.
"""

from __future__ import annotations

import zlib
from typing import Any

import orjson

from nightbus.store.interface import Entry

_TIME_BITS = 144  # so that an id has AWS's 56 digits and ids sort by time


def content(entry: Entry) -> tuple[int, str]:
    """Return the entry's time of ingestion (UTC ms) and its message."""
    ingested, message = orjson.loads(entry.data)
    return ingested, message


def output_event(entry: Entry) -> dict[str, Any]:
    ingested, message = content(entry)
    return {"timestamp": entry.time, "message": message, "ingestionTime": ingested}


def event_id(entry: Entry) -> str:
    low = zlib.crc32(entry.log.encode()) << 64 | entry.offset
    return str(entry.time << _TIME_BITS | low).zfill(56)
