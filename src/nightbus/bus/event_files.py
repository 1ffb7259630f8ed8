"""Reads events and patterns from a user's files: envelopes, or the inputs of PutEvents and PutRule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.bus.envelope import LONGEST_DETAIL_TYPE
from nightbus.bus.json_text import parse_json, write_json

_ENTRY = ("Source", "DetailType", "Detail")
_REQUIRED = {"Source": "source", "DetailType": "detail-type", "Detail": "detail"}
_TEXTS = (*_ENTRY, "EventBusName", "TraceHeader", "EndpointId")


class NoEvent(ValueError):
    """The text is not an event; the message says why."""


def read_events(text: str) -> list[dict[str, Any]]:
    """Return the events in a text: an envelope or a part of one, or one entry, a list or the whole input of PutEvents.

    Raises NoEvent.
    """
    return [_event(one) for one in _values(text)]


def _values(text: str) -> list[Any]:
    try:
        value = parse_json(text)
    except ValueError as broken:
        raise NoEvent(f"it is not JSON: {broken}") from None
    if isinstance(value, Mapping) and isinstance(value.get("Entries"), list):
        value = value["Entries"]
    values = value if isinstance(value, list) else [value]
    if not values:
        raise NoEvent("it holds no event")
    return values


def _event(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise NoEvent("an event must be a JSON object")
    if not any(name in value for name in _ENTRY):
        return dict(value)
    try:
        detail = parse_json(value.get("Detail") or "{}")
    except (ValueError, TypeError, AttributeError):
        detail = None
    if not isinstance(detail, Mapping):
        raise NoEvent("Detail of an entry must be a string, which holds the JSON object")
    return {
        "source": value.get("Source", ""),
        "detail-type": value.get("DetailType", ""),
        "resources": list(value.get("Resources") or ()),
        "detail": detail,
    }


def read_entries(text: str, bus: str | None = None) -> list[dict[str, Any]]:
    """Return entries of PutEvents from a text with entries or envelopes. `bus` is for those that name none.

    Raises NoEvent.
    """
    entries = [_entry(one) for one in _values(text)]
    return [entry if bus is None else {"EventBusName": bus, **entry} for entry in entries]


def check_one(entries: list[dict[str, Any]]) -> None:
    """Raise NoEvent unless there is one entry of PutEvents, and a bus may take it: with what is missing or wrong."""
    if len(entries) != 1:
        raise NoEvent("it has several events")
    (entry,) = entries
    missing = [
        f"{name} (of an envelope: {other})" for name, other in _REQUIRED.items() if not entry.get(name)
    ]
    if missing:
        raise NoEvent(f"no bus takes it: it has no {' and no '.join(missing)}")
    for name in _REQUIRED:
        if not isinstance(entry[name], str):
            raise NoEvent(f"no bus takes it: {name} must be a string")
    if entry["Source"].startswith("aws."):
        raise NoEvent("no bus takes it: sources that begin with aws. are those of AWS services")
    if len(entry["DetailType"]) > LONGEST_DETAIL_TYPE:
        raise NoEvent(f"no bus takes it: DetailType has more than {LONGEST_DETAIL_TYPE} characters")
    try:
        detail = parse_json(entry["Detail"])
    except ValueError as broken:
        raise NoEvent(f"no bus takes it: Detail is not JSON: {broken}") from None
    if not isinstance(detail, Mapping):
        raise NoEvent("no bus takes it: the detail must be a JSON object")


def _entry(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise NoEvent("an event must be a JSON object")
    if any(name in value for name in _ENTRY):
        for name in _TEXTS:
            if not isinstance(value.get(name, ""), str):
                holds = ", which holds the JSON object" if name == "Detail" else ""
                raise NoEvent(f"{name} of an entry must be a string{holds}")
        return dict(value)
    names = {"source": "Source", "detail-type": "DetailType", "resources": "Resources", "time": "Time"}
    entry = {names[name]: value[name] for name in names if name in value}
    return {**entry, "Detail": write_json(value.get("detail", {}))}


def read_pattern(text: str) -> str:
    """Return a pattern's JSON from a text that is a pattern, or a rule with `EventPattern`."""
    try:
        value = parse_json(text)
    except ValueError:
        return text  # the pattern's parser reports the mistake
    inner = value.get("EventPattern") if isinstance(value, Mapping) else None
    if isinstance(inner, str):
        return inner
    if isinstance(inner, Mapping):
        return write_json(inner)
    return text
