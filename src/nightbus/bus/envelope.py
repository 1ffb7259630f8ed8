"""What does PutEvents make of an entry: an error of the entry, its size, or the event that rules see?"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.bus.json_text import parse_json

LONGEST_DETAIL_TYPE = 128


def validate_entry(entry: Mapping[str, Any]) -> tuple[str, str] | None:
    """The entry's ErrorCode and ErrorMessage, or None when the bus takes it."""
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
    try:
        detail = parse_json(entry["Detail"])
    except ValueError:
        detail = None
    if not isinstance(detail, dict):
        return "MalformedDetail", "Detail is malformed."
    return None


def _invalid(name: str, reason: str) -> tuple[str, str]:
    return "InvalidArgument", f"Parameter {name} is not valid. Reason: {reason}"


def entry_size(entry: Mapping[str, Any]) -> int:
    """The bytes that AWS counts for an entry towards the request's limit."""
    texts = [entry.get(name) or "" for name in ("Source", "DetailType", "Detail")]
    texts += entry.get("Resources") or []
    time = 14 if entry.get("Time") is not None else 0
    return time + sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def make_envelope(
    entry: Mapping[str, Any], *, event_id: str, account: str, region: str, now_ms: int
) -> dict[str, Any]:
    """The event of a valid entry; its time is the entry's, or that of the call."""
    time = entry.get("Time") or datetime.fromtimestamp(now_ms / 1000, UTC)
    return {
        "version": "0",
        "id": event_id,
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "account": account,
        "time": f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "region": region,
        "resources": list(entry.get("Resources") or []),
        "detail": parse_json(entry["Detail"]),
    }
