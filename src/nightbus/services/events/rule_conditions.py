"""Reads the condition keys of PutRule from an event pattern: the values that the pattern admits for some fields.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns import parse_pattern
from nightbus.bus.patterns.matchers import Exact
from nightbus.bus.patterns.rule import Field, Pattern
from nightbus.policies.request import Values

_FIELDS = (
    "source",
    "detail-type",
    "detail.service",
    "detail.eventTypeCode",
    "detail.userIdentity.principalId",
)


def conditions_of_pattern(text: str) -> Mapping[str, Values]:
    """Return the keys of a pattern. No pattern has no values, nor has an invalid one, which the handler refuses."""
    try:
        pattern = parse_pattern(text) if text else None
    except InvalidPattern:
        pattern = None
    return {f"events:{path}".lower(): exact_values(pattern, path) for path in _FIELDS}


def exact_values(pattern: Pattern | None, path: str) -> tuple[str, ...]:
    """Return the values that the pattern admits for the field, as a policy's condition sees them.

    A matcher that is not an exact value, or a branch without the field, gives a text that no policy can name.
    """
    branches = pattern.branches if pattern else ()
    fields = [next((field for field in branch if field.path == path), None) for branch in branches]
    if not any(fields):
        return ()
    return tuple(dict.fromkeys(text for field in fields for text in _texts(field)))


def _texts(field: Field | None) -> list[str]:
    if field is None:
        return [""]
    return [one.text if isinstance(one, Exact) else repr(one) for one in field.matchers]
