"""Parses wildcard expressions, and matches strings against them."""

from __future__ import annotations

Parts = tuple[str, ...]  # the literals between the stars


class BadWildcard(ValueError):
    pass


def parse_wildcard(text: str) -> Parts:
    """Parse an expression. Raises BadWildcard with AWS's reason, whose positions count UTF-8 bytes from 1."""
    parts, literal, index = [], "", 0
    while index < len(text):
        char = text[index]
        if char == "*":
            if text[index + 1 : index + 2] == "*":
                raise BadWildcard(f"Consecutive wildcard characters at pos {_byte(text, index)}")
            parts.append(literal)
            literal = ""
        elif char == "\\":
            index += 1
            if text[index : index + 1] not in ("*", "\\"):
                raise BadWildcard(f"Invalid escape character at pos {_byte(text, index - 1)}")
            literal += text[index]
        else:
            literal += char
        index += 1
    return (*parts, literal)


def _byte(text: str, index: int) -> int:
    return len(text[:index].encode("utf-8", "surrogatepass")) + 1


def accepts(parts: Parts, value: str) -> bool:
    if len(parts) == 1:
        return value == parts[0]
    first, *middle, last = parts
    if not (value.startswith(first) and value.endswith(last)):
        return False
    position, end = len(first), len(value) - len(last)
    for literal in middle:
        start = value.find(literal, position, max(end, 0))
        if start < 0:
            return False
        position = start + len(literal)
    return position <= end
