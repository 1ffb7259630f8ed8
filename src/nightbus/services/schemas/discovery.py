"""Answers with the schema of some events, which is kept nowhere. Buses have no discoverers here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nightbus.aws.documents import read_document
from nightbus.aws.threads import aside
from nightbus.bus.json_text import write_json
from nightbus.services.context import Context
from nightbus.services.schemas.errors import bad_request
from nightbus.services.schemas.inference import draft_4, open_api

_MOST = 10
_MOST_DEEP = 100
_KINDS = {"OpenApi3": open_api, "JSONSchemaDraft4": draft_4}


async def get_discovered_schema(ctx: Context, *, events: Sequence[str], type: str) -> dict[str, Any]:
    if not 1 <= len(events) <= _MOST:
        raise bad_request(f"Events must have from 1 to {_MOST} members.")
    return {"Content": await aside(sum(map(len, events)), _content, events, type)}


def _content(events: Sequence[str], kind: str) -> str:
    try:
        values = [read_document(text) for text in events]
    except ValueError as broken:
        raise bad_request(f"An event is not valid JSON: {broken}") from None
    if any(map(_is_too_deep, values)):
        raise bad_request(f"An event is nested more than {_MOST_DEEP} deep.")
    return write_json(_KINDS[kind](values))


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MOST_DEEP):
        level = [
            child
            for one in level
            if isinstance(one, dict | list)
            for child in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return False
    return True
