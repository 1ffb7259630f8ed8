"""Reads and writes the JSON of events without loss.

Numbers that a double cannot hold keep their text; what only Python takes for JSON (NaN, bare surrogates) never
leaves here.
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from nightbus.bus.numbers import LossyNumber, parse_number

# Python refuses to turn longer digit strings into an int.
LONGEST_INTEGER = 4_000
# A quote, or an escape, which is kept.
_QUOTES = re.compile(r'(\\.)|"')
# PutEvents processes so many levels of a Detail, as AWS documents it; the event around it is one more.
DEEPEST = 1_000
# Python frames and the like that reading and writing such an event takes, which are more than Python allows unasked.
RECURSION = 5_000
# orjson reads 1,024 levels and writes 254.
_DEEPEST_WRITTEN = 254


def parse_json(text: str) -> Any:
    """The value of a JSON text; ValueError when it is none, or deeper than any event."""
    try:
        value = json.loads(text, parse_float=parse_number, parse_int=_integer, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _is_deeper(text, value, DEEPEST + 1):
        raise ValueError("nested too deeply")
    return value


def write_json(value: Any) -> str:
    """Compact, with characters as they are; lone surrogates are written as escapes, which every reader takes."""
    text = _write(value, ascii_only=False)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _write(value, ascii_only=True)
    return text


def write_bare(value: Any) -> str:
    """As it stands in another text: a string as it is, an object or array without the quotes inside it."""
    if isinstance(value, str):
        return value
    return _QUOTES.sub(r"\1", write_json(value))


def compact_object(text: str) -> bytes | None:
    """A JSON object's text as `write_json` writes it; None when the text is no JSON object.

    Most texts take the short way: what orjson reads and writes again without touching a number is what the exact way
    gives.
    """
    if len(text) <= 2 * _DEEPEST_WRITTEN or text.count("[") + text.count("{") <= _DEEPEST_WRITTEN:
        try:
            value = orjson.loads(text)
        except ValueError:  # malformed, or one of the rarities that only the exact way takes
            value = None
        if isinstance(value, dict):
            written = orjson.dumps(value)
            if written == text.encode() or _has_only_short_numbers(value):
                return written
    try:
        exact = parse_json(text)
        if not isinstance(exact, dict) or _is_deeper(text, exact, DEEPEST):
            return None
        return write_json(exact).encode()
    except (ValueError, RecursionError):
        return None


def _has_only_short_numbers(value: dict[str, Any]) -> bool:
    rest: list[Any] = [value]
    while rest:
        item = rest.pop()
        for inner in item.values() if type(item) is dict else item:
            kind = type(inner)
            if kind is float:
                return False
            if kind is dict or kind is list:
                rest.append(inner)
    return True


def _write(value: Any, *, ascii_only: bool) -> str:
    if _holds_lossy_number(value):
        return _write_exactly(value, ascii_only)
    return json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))


def _write_exactly(value: Any, ascii_only: bool) -> str:
    if isinstance(value, LossyNumber):
        return value.text
    if isinstance(value, dict):  # comprehensions, which unlike generators take no C stack at each level
        members = [
            f"{json.dumps(key, ensure_ascii=ascii_only)}:{_write_exactly(item, ascii_only)}"
            for key, item in value.items()
        ]
        return f"{{{','.join(members)}}}"
    if isinstance(value, list):
        return f"[{','.join([_write_exactly(item, ascii_only) for item in value])}]"
    return json.dumps(value, ensure_ascii=ascii_only)


def _holds_lossy_number(value: Any) -> bool:
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, dict):
            rest.extend(item.values())
        elif isinstance(item, list):
            rest.extend(item)
        elif isinstance(item, LossyNumber):
            return True
    return False


def _is_deeper(text: str, value: Any, most: int) -> bool:
    return text.count("[") + text.count("{") > most and _depth(value) > most


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [item for item in level if isinstance(item, (dict, list))]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _integer(text: str) -> int | float:
    return int(text) if len(text) <= LONGEST_INTEGER else LossyNumber(text)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
