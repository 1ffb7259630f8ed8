"""What does PutEvents make of an entry: an error of the entry, its size, or the event that rules see?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from nightbus.bus.json_text import compact_object, write_json

LONGEST_DETAIL_TYPE = 128
_TIME_SIZE = 14


class Problem(NamedTuple):
    """Why the bus does not take an entry: its ErrorCode and ErrorMessage."""

    code: str
    message: str


MALFORMED = Problem("MalformedDetail", "Detail is malformed.")


def check_entry(entry: Mapping[str, Any]) -> Problem | bytes:
    """The entry's detail as compact JSON, or why the bus does not take the entry."""
    source, kind, detail = entry.get("Source"), entry.get("DetailType"), entry.get("Detail")
    if not (source and kind and detail):
        missing = "Source" if not source else "Detail" if kind else "DetailType"
        return _invalid(missing, f"{missing} is a required argument.")
    if source.startswith("aws."):
        return Problem(
            "NotAuthorizedForSourceException",
            f"Not authorized for the source: {source}. Source prefix 'aws.' is reserved for AWS services.",
        )
    if len(kind) > LONGEST_DETAIL_TYPE:
        return _invalid("DetailType", f"DetailType must not exceed {LONGEST_DETAIL_TYPE} characters.")
    return compact_object(detail) or MALFORMED


def _invalid(name: str, reason: str) -> Problem:
    return Problem("InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}")


def entries_size(entries: Iterable[Mapping[str, Any]]) -> int:
    """The bytes that AWS counts for the entries towards the request's limit."""
    texts: list[str] = []
    total = 0
    for entry in entries:
        get = entry.get
        texts += (get("Source") or "", get("DetailType") or "", get("Detail") or "")
        resources = get("Resources")
        if resources:
            texts += resources
        if get("Time") is not None:
            total += _TIME_SIZE
    joined = "".join(texts)
    return total + (len(joined) if joined.isascii() else len(joined.encode("utf-8", "surrogatepass")))


class EnvelopeWriter:
    """Writes the JSON texts of the events of one call; what they have in common is written once."""

    def __init__(self, account: str, region: str, now: datetime) -> None:
        self._account = account.encode()
        self._region = region.encode()
        self._now = event_time(now).encode()
        self._types: dict[tuple[str, str], bytes] = {}

    def write(self, entry: Mapping[str, Any], detail: bytes, event_id: str) -> bytes:
        """The event of a valid entry; its time is the entry's, or that of the call."""
        given = entry.get("Time")
        resources = entry.get("Resources")
        kind = (entry["DetailType"], entry["Source"])
        types = self._types.get(kind)
        if types is None:
            types = self._types[kind] = b'"detail-type":%b,"source":%b' % (_json(kind[0]), _json(kind[1]))
        return (
            b'{"version":"0","id":"%b",%b,"account":"%b","time":"%b","region":"%b","resources":%b,"detail":%b}'
            % (
                event_id.encode(),
                types,
                self._account,
                self._now if given is None else event_time(given).encode(),
                self._region,
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
