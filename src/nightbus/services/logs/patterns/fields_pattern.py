"""Matches messages of fields with spaces between them: `[ip, user, ..., status = 4*, bytes > 1000]`.

What stands in double quotes or square brackets is one field of a message. `...` stands for any number of fields.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from nightbus.services.logs.patterns.conditions import Condition, ConditionParser, tokens_of
from nightbus.services.logs.patterns.operands import invalid_pattern

_ELLIPSIS = "..."
_NAME = re.compile(r"[\w-]+")
_FIELD = re.compile(r'"([^"]*)"|\[([^\]]*)\]|(\S+)')


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    condition: Condition | None


class FieldsPattern:
    def __init__(self, text: str) -> None:
        """`text` is the pattern with its brackets. Raises AwsError."""
        if not text.endswith("]") or len(text) < 2:
            raise invalid_pattern()
        parts = _split(tokens_of(text[1:-1]))
        if parts.count([_ELLIPSIS]) > 1:
            raise invalid_pattern()
        self._at = parts.index([_ELLIPSIS]) if [_ELLIPSIS] in parts else None
        self._fields = [_field(part) for part in parts if part != [_ELLIPSIS]]

    def matches(self, message: str) -> bool:
        values = self._values(message)
        if values is None:
            return False
        named = {field.name: value for field, value, _ in values if field is not None}
        conditions = [field.condition for field, _, _ in values if field is not None and field.condition]
        return all(condition(lambda name: [named[name]] if name in named else []) for condition in conditions)

    def extracted(self, message: str) -> dict[str, str]:
        """Return the fields of a message that matches: by name, those under `...` by number."""
        values = self._values(message) or []
        return {f"${field.name if field else number}": value for field, value, number in values}

    def _values(self, message: str) -> list[tuple[_Field | None, str, int]] | None:
        found = [next(filter(None, match.groups()), "") for match in _FIELD.finditer(message)]
        more = len(found) - len(self._fields)
        if more < 0 or (more and self._at is None):
            return None
        fields: list[_Field | None] = list(self._fields)
        if self._at is not None:
            fields[self._at : self._at] = [None] * more
        return [
            (field, value, number)
            for number, (field, value) in enumerate(zip(fields, found, strict=True), start=1)
        ]


def _split(tokens: Sequence[str]) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    for one in tokens:
        if one == ",":
            parts.append([])
        else:
            parts[-1].append(one)
    return parts


def _field(tokens: Sequence[str]) -> _Field:
    names = [token for token in tokens if _NAME.fullmatch(token)]
    if not tokens or not names:
        raise invalid_pattern()
    if len(tokens) == 1:
        return _Field(tokens[0], None)
    parser = ConditionParser(
        tokens, lambda token: _NAME.fullmatch(token) is not None, states=False, text_numbers=True
    )
    condition = parser.parse()
    if len(set(parser.subjects)) != 1:
        raise invalid_pattern()
    return _Field(parser.subjects[0], condition)
