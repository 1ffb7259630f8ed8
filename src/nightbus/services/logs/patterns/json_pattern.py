"""Matches messages that are JSON objects: `{ $.level = "error" && ($.ms >= 100 || $.user NOT EXISTS) }`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson

from nightbus.services.logs.patterns.conditions import ConditionParser, tokens_of
from nightbus.services.logs.patterns.operands import invalid_pattern

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
_MOST_WILDCARDS = 3
_STEP = re.compile(r"\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\*)\]|\.(\*)|\.([\w-]+)")

Step = tuple[str, str]  # "index" and its digits, "name" and the name, or "any" and nothing


class JsonPattern:
    def __init__(self, text: str) -> None:
        """`text` is the pattern with its braces. Raises AwsError."""
        if not text.endswith("}") or len(text) < 2:
            raise invalid_pattern()
        parser = ConditionParser(
            tokens_of(text[1:-1]), lambda token: token.startswith("$"), states=True, text_numbers=False
        )
        self._condition = parser.parse()
        self._steps = {subject: _steps(subject) for subject in parser.subjects}
        counts = [sum(kind == "any" for kind, _ in steps) for steps in self._steps.values()]
        if sum(counts) > _MOST_WILDCARDS or any(count > 1 for count in counts):
            raise invalid_pattern()

    def matches(self, message: str) -> bool:
        document = _document(message)
        return document is not None and self._condition(lambda subject: self._values(document, subject))

    def extracted(self, message: str) -> dict[str, str]:
        """Return what the selectors select of a message that matches."""
        document = _document(message)
        found = {subject: self._values(document, subject) for subject in self._steps}
        return {subject: _text(values[0]) for subject, values in found.items() if values}

    def _values(self, document: Any, subject: str) -> Sequence[Any]:
        values = [document]
        for kind, name in self._steps[subject]:
            values = [inner for value in values for inner in _inside(value, kind, name)]
        return values


def _document(message: str) -> Any:
    if not message.lstrip().startswith(("{", "[")):
        return None
    try:
        return orjson.loads(message)
    except orjson.JSONDecodeError:
        return None


def _steps(selector: str) -> list[Step]:
    steps: list[Step] = []
    for match in _STEP.finditer(selector):
        index, single, double, *stars, name = match.groups()
        if index is not None:
            steps.append(("index", index))
        elif any(stars):
            steps.append(("any", ""))
        else:
            steps.append(("name", next(one for one in (single, double, name) if one is not None)))
    return steps


def _inside(value: Any, kind: str, name: str) -> Sequence[Any]:
    if kind == "name":
        return [value[name]] if isinstance(value, dict) and name in value else []
    if kind == "index":
        position = int(name)
        return [value[position]] if isinstance(value, list) and position < len(value) else []
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
