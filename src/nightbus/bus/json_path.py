"""Parses JSON paths, in EventBridge's subset, and evaluates them on events.

The subset has `$`, names after dots (letters, digits, `_`, `-`, `/` and other characters but brackets), indices, and
`*` for all members or elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Step = str | int | None  # a name, an index, None for all


class InvalidPath(ValueError):
    pass


def parse_path(path: str) -> tuple[Step, ...]:
    if not path.startswith("$"):
        raise InvalidPath(path)
    steps: list[Step] = []
    at = 1
    while at < len(path):
        if path[at] == ".":
            end = at + 1
            while end < len(path) and path[end] not in ".[]":
                end += 1
            name = path[at + 1 : end]
            if name:
                steps.append(None if name == "*" else name)
            elif path[end : end + 1] != "[":
                raise InvalidPath(path)
            at = end
        elif path[at] == "[":
            end = path.find("]", at)
            inside = path[at + 1 : end] if end > 0 else ""
            if inside != "*" and not (inside.isascii() and inside.isdigit() and len(inside) < 10):
                raise InvalidPath(path)
            steps.append(None if inside == "*" else int(inside))
            at = end + 1
        else:
            raise InvalidPath(path)
    return tuple(steps)


def find(steps: tuple[Step, ...], event: Any) -> list[Any]:
    """Return the values of the path: none or one; with `*` in the path one list of all values."""
    values = [event]
    for step in steps:
        values = [inner for value in values for inner in _inner(step, value)]
    return [values] if None in steps else values


def _inner(step: Step, value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        if step is None:
            return list(value.values())
        return [value[step]] if isinstance(step, str) and step in value else []
    if isinstance(value, list):
        if step is None:
            return value
        return [value[step]] if isinstance(step, int) and step < len(value) else []
    return []
