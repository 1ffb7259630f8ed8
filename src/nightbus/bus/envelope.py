"""What does PutEvents make of an entry: an error of the entry, its size, or the event that rules see?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.bus.json_text import compact_object, write_json

LONGEST_DETAIL_TYPE = 128


def validate_entry(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """The entry's ErrorCode and ErrorMessage, or None when the bus takes it; `Detail` is `detail_text`'s to judge."""
    for name in ("Source", "DetailType", "Detail"):
        if not entry.get(name):
            return _invalid(name, f"{name} is a required argument.")
    if entry["Source"].startswith("aws."):
        return (
            "NotAuthorizedForSourceException",
            f"Not authorized for the source: {entry['Source']}. Source prefix 'aws.' is reserved for AWS services.",
        )
    if len(entry["DetailType"]) > LONGEST_DETAIL_TYPE:
        return _invalid("DetailType", f"DetailType must not exceed {LONGEST_DETAIL_TYPE} characters.")
    return None


def detail_text(entry: Mapping[str, Any]) -> bytes | None:
    """The entry's detail, compact; None when it is malformed, for which `MALFORMED` is the entry's error."""
    return compact_object(entry["Detail"])


MALFORMED = ("MalformedDetail", "Detail is malformed.")


def _invalid(name: str, reason: str) -> tuple[str, str]:
    return "InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}"


def entry_size(entry: Mapping[str, Any]) -> int:
    """The bytes that AWS counts for an entry towards the request's limit."""
    total = 0 if entry.get("Time") is None else 14
    for name in ("Source", "DetailType", "Detail"):
        total += _size(entry.get(name) or "")
    for resource in entry.get("Resources") or ():
        total += _size(resource)
    return total


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def make_envelope(
    entry: Mapping[str, Any], detail: bytes, *, event_id: str, account: str, region: str, now: str
) -> bytes:
    """The JSON text of a valid entry's event; its time is the entry's, or `now` as `event_time` writes it."""
    given = entry.get("Time")
    resources = entry.get("Resources")
    return (
        b'{"version":"0","id":"%b","detail-type":%b,"source":%b,"account":"%b","time":"%b","region":"%b",'
        b'"resources":%b,"detail":%b}'
        % (
            event_id.encode(),
            _json(entry["DetailType"]),
            _json(entry["Source"]),
            account.encode(),
            (now if given is None else event_time(given)).encode(),
            region.encode(),
            _json(resources) if resources else b"[]",
            detail,
        )
    )


def event_time(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _json(value: Any) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a lone surrogate
        return write_json(value).encode()
