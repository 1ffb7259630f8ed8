"""Defines the error of an event pattern: AWS's reason, and the position at which AWS's parser stops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

SHOWN = 500  # characters of the pattern; AWS's JSON parser cuts longer sources in its messages


@dataclass(frozen=True, slots=True)
class Position:
    """A line and a column, both counted from 1. Columns count UTF-16 units, as in a Java string."""

    line: int
    column: int


def position(text: str, offset: int) -> Position:
    before = text[:offset].replace("\r\n", "\n").replace("\r", "\n")
    line_start = before.rfind("\n") + 1
    return Position(before.count("\n") + 1, utf16_length(before[line_start:]) + 1)


def utf16_length(text: str) -> int:
    return len(text) + sum(char > "\uffff" for char in text)


def source_at(text: str, position: Position) -> str:
    cut = f"[truncated {len(text) - SHOWN} chars]" if len(text) > SHOWN else ""
    return f'[Source: (String)"{text[:SHOWN]}"{cut}; line: {position.line}, column: {position.column}]'


class InvalidPattern(ValueError):
    """An invalid pattern. `reason` is AWS's text; `line` and `column` are None if AWS reports no position.

    `placed_reason` is the text with the positions.

    There may be two positions: AWS wraps an error in the lists of anything-but once more, and its message has both.
    """

    def __init__(self, reason: str, text: str, positions: Sequence[Position] = ()) -> None:
        self.reason = reason
        self.text = text
        self.positions = tuple(positions)
        self.line = positions[0].line if positions else None
        self.column = positions[0].column if positions else None
        suffixes = "".join(f"\n at {source_at(text, position)}" for position in positions)
        self.placed_reason = f"{reason}{suffixes}"
        super().__init__(f"Event pattern is not valid. Reason: {self.placed_reason}")

    def again_at(self, position: Position) -> InvalidPattern:
        return InvalidPattern(self.reason, self.text, (*self.positions, position))
