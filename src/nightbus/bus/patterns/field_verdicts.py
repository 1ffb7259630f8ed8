"""Says of each field of an event pattern whether an event has what it wants, and where in both texts that is. Pure.

The whole pattern may fail though each of its fields is accepted: fields below one array must be accepted in one element
of it (`explanation` says so). Of the alternatives of an `$or` only one has to be accepted, so their fields are marked.
Places are JSON pointers (RFC 6901).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.bus.errors import InvalidPattern
from nightbus.bus.json_text import write_json
from nightbus.bus.patterns.explanation import hint_of, is_satisfied
from nightbus.bus.patterns.fields import leaves_of
from nightbus.bus.patterns.parsing import parse_pattern
from nightbus.bus.patterns.rule import Field

MATCHED, MISSED, ABSENT = "matched", "missed", "absent"
_MOST_PARSED = 500
_MOST_PLACES = 200  # values at one path that are looked at for a pointer


_parsed = functools.lru_cache(_MOST_PARSED)(parse_pattern)


@dataclass(frozen=True, slots=True)
class FieldVerdict:
    """`path` joins the field's names by dots. `event_pointer` is where the event has the value that decides, "" where
    it has none. `why` is a sentence, "" for a field that is accepted. `in_or`: it is of one of several alternatives."""

    path: str
    event_pointer: str
    pattern_pointer: str
    verdict: str
    why: str
    in_or: bool


def field_verdicts(pattern: Mapping[str, Any], event: Mapping[str, Any]) -> list[FieldVerdict]:
    """In the order of the pattern, which must be valid: what `parse_pattern` takes, as a value."""
    leaves = leaves_of(event)
    verdicts = []
    for names, pointer, wanted, in_or in _wanted(pattern, (), "", in_or=False):
        field = _field(names, wanted)
        if field is None:
            continue
        places = list(_places(event, names, ""))[:_MOST_PLACES]
        accepted = next((place for place, value in places if field.accepts(value)), None)
        place = accepted if accepted is not None else places[0][0] if places else ""
        if is_satisfied(field, leaves):
            verdict, why = MATCHED, ""
        else:
            verdict, why = MISSED if places else ABSENT, hint_of(field, leaves, event)
        verdicts.append(FieldVerdict(field.path, place, pointer, verdict, why, in_or))
    return verdicts


def nearness(verdicts: Sequence[FieldVerdict]) -> float:
    """How much of the pattern is accepted, 0 to 1."""
    if not verdicts:
        return 0.0
    return sum(one.verdict == MATCHED for one in verdicts) / len(verdicts)


def _wanted(
    pattern: Mapping[str, Any], names: tuple[str, ...], pointer: str, *, in_or: bool
) -> Iterator[tuple[tuple[str, ...], str, list[Any], bool]]:
    for name, value in pattern.items():
        place = f"{pointer}/{_escaped(name)}"
        if name == "$or" and isinstance(value, list):
            for number, alternative in enumerate(value):
                if isinstance(alternative, Mapping):
                    yield from _wanted(alternative, names, f"{place}/{number}", in_or=True)
        elif isinstance(value, Mapping):
            yield from _wanted(value, (*names, name), place, in_or=in_or)
        elif isinstance(value, list):
            yield (*names, name), place, value, in_or


def _field(names: Sequence[str], wanted: list[Any]) -> Field | None:
    """The field alone, as the parser makes it."""
    pattern: Any = wanted
    for name in reversed(names):
        pattern = {name: pattern}
    try:
        return _parsed(write_json(pattern)).branches[0][0]
    except InvalidPattern:
        return None


def _places(value: Any, names: Sequence[str], pointer: str) -> Iterator[tuple[str, Any]]:
    """Where the event has values at a path, and these; through arrays, as `leaves_of` looks."""
    if isinstance(value, Mapping):
        if names and names[0] in value:
            yield from _places(value[names[0]], names[1:], f"{pointer}/{_escaped(names[0])}")
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _places(inner, names, f"{pointer}/{number}")
    elif not names:
        yield pointer, value


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
