"""Tries a pattern on an event, as it is typed: `/patterns/test`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from nightbus.bus.errors import InvalidPattern
from nightbus.bus.json_text import parse_json, write_json
from nightbus.bus.patterns import matches, parse_pattern
from nightbus.bus.patterns.explanation import explain, reason_fields
from nightbus.bus.patterns.field_verdicts import field_verdicts
from nightbus.console.api.explained import FieldAnswer, answers_of
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Body


class PatternBody(Body, frozen=True):
    """`event` and `pattern` are JSON texts as they are typed, or values."""

    event: Any
    pattern: Any


class TextError(Answer, frozen=True):
    """What is wrong with a text: in `of`, event or pattern; `line` and `column` count from 1, null where unknown."""

    of: str
    message: str
    line: int | None
    column: int | None


class PatternVerdict(Answer, frozen=True):
    """`valid`: both texts are. `why` says what did not match."""

    valid: bool
    error: TextError | None
    matched: bool
    why: str
    fields: list[FieldAnswer]


async def test_pattern(request: ApiRequest, body: PatternBody) -> PatternVerdict:
    """Try a pattern on an event, and say of each of its fields whether the event has what it wants.

    Neither needs to be on the node. An error in a text is an answer, not an error.
    """
    return await asyncio.to_thread(_verdict, body.event, body.pattern)


def _verdict(event: Any, pattern: Any) -> PatternVerdict:
    text = pattern if isinstance(pattern, str) else write_json(pattern)
    try:
        parsed = parse_pattern(text)
        value = parse_json(text)
    except InvalidPattern as wrong:
        return _invalid(TextError(of="pattern", message=wrong.reason, line=wrong.line, column=wrong.column))
    except ValueError as wrong:  # what follows the closing brace, which EventBridge ignores
        return _invalid(_json_error("pattern", wrong))
    try:
        envelope = parse_json(event) if isinstance(event, str) else event
    except ValueError as wrong:
        return _invalid(_json_error("event", wrong))
    if not isinstance(envelope, Mapping):
        return _invalid(TextError(of="event", message="An event is a JSON object.", line=1, column=1))
    reason = None if matches(parsed, envelope) else explain(parsed, envelope)
    return PatternVerdict(
        valid=True,
        error=None,
        matched=reason is None,
        why="" if reason is None else reason_fields(reason)["why"],
        fields=answers_of(field_verdicts(value, envelope)),
    )


def _invalid(error: TextError) -> PatternVerdict:
    return PatternVerdict(valid=False, error=error, matched=False, why="", fields=[])


def _json_error(of: str, wrong: ValueError) -> TextError:
    """json's errors have a line and a column; those of too deep a value have none."""
    message = getattr(wrong, "msg", str(wrong))
    return TextError(
        of=of, message=message, line=getattr(wrong, "lineno", None), column=getattr(wrong, "colno", None)
    )


ROUTES: Routes = {"POST /patterns/test": test_pattern}
