"""Derives a schema from examples of one kind of event. Pure.

Each object below the event becomes a component of its own, which is named after its member, as EventBridge's schema
discovery does: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schemas-infer.html. An event of a bus has
the envelope `AWSEvent` around its detail.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

Json = dict[str, Any]
_ENVELOPE = ("detail-type", "source", "detail")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_WORD = re.compile(r"[^0-9A-Za-z]+")


def open_api(events: Sequence[Any]) -> Json:
    """An OpenAPI 3 document."""
    title, components = _components(events, "#/components/schemas/")
    info = {"version": "1.0.0", "title": title}
    return {"openapi": "3.0.0", "info": info, "paths": {}, "components": {"schemas": components}}


def draft_4(events: Sequence[Any]) -> Json:
    """A document of JSON Schema Draft 4."""
    title, components = _components(events, "#/definitions/")
    first = components.pop(next(iter(components)))
    schema = {"$schema": "http://json-schema.org/draft-04/schema#", "title": title, **first}
    return {**schema, "definitions": components} if components else schema


def _components(events: Sequence[Any], place: str) -> tuple[str, Json]:
    """The title, and the components by name, that of the event first."""
    names = _Names(place)
    if not all(isinstance(event, dict) and all(name in event for name in _ENVELOPE) for event in events):
        names.claim("Event")
        shape = names.shape(events, "Event", own_name="Event")
        return "Event", names.components or {"Event": shape}
    title = _camel(str(events[0]["detail-type"])) or "Event"
    names.claim("AWSEvent")
    envelope = names.shape(events, title, own_name="AWSEvent", detail=title)
    envelope_component = names.components.get("AWSEvent", envelope)
    envelope_component["x-amazon-events-detail-type"] = str(events[0]["detail-type"])
    envelope_component["x-amazon-events-source"] = str(events[0]["source"])
    return title, names.components


class _Names:
    """The components of one document. `place` is what a reference to one begins with."""

    def __init__(self, place: str) -> None:
        self.components: Json = {}
        self._place = place
        self._claimed: set[str] = set()

    def claim(self, name: str) -> str:
        """The name, or with a number if another component has it."""
        free, number = name, 1
        while free in self._claimed:
            number += 1
            free = f"{name}{number}"
        self._claimed.add(free)
        return free

    def shape(self, values: Sequence[Any], member: str, own_name: str = "", detail: str = "") -> Json:
        """The schema of all `values`, those of `member`. `detail` names the component of an event's detail."""
        known = [value for value in values if value is not None]
        if known and all(isinstance(value, dict) for value in known):
            return self._object(known, own_name or self.claim(_camel(member) or "Member"), detail)
        if known and all(isinstance(value, list) for value in known):
            items = [item for value in known for item in value]
            return {
                "type": "array",
                "items": self.shape(items, f"{member}Item") if items else {"type": "object"},
            }
        return _simple(known)

    def _object(self, values: Sequence[Json], name: str, detail: str) -> Json:
        component: Json = {"type": "object"}
        self.components[name] = component  # before its members, so that it stands before their components
        members = list(dict.fromkeys(member for value in values for member in value))
        required = [member for member in members if all(member in value for value in values)]
        if required:
            component["required"] = required
        component["properties"] = {
            member: self.shape(
                [value[member] for value in values if member in value],
                detail if detail and member == "detail" else member,
            )
            for member in members
        }
        return {"$ref": f"{self._place}{name}"}


def _simple(values: Sequence[Any]) -> Json:
    """The type that all values have, {} where they have several or none."""
    if not values:
        return {}
    if all(isinstance(value, bool) for value in values):
        return {"type": "boolean"}
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return {"type": "number"}
    if not all(isinstance(value, str) for value in values):
        return {}
    return (
        {"type": "string", "format": "date-time"} if all(map(_is_date_time, values)) else {"type": "string"}
    )


def _is_date_time(text: str) -> bool:
    if not _DATE_TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _camel(text: str) -> str:
    """`Order created` becomes OrderCreated, `lineItem` LineItem."""
    return "".join(word[:1].upper() + word[1:] for word in _WORD.split(text))
