"""Parses and serializes the JSON of events without loss.

Numbers that a double cannot represent keep their text. It never writes what only Python accepts as JSON (NaN, single
surrogates).
"""

from __future__ import annotations

import json
import re
from typing import Any

import orjson

from nightbus.bus.numbers import LossyNumber, parse_number

# Python refuses to convert longer texts of digits to an int.
LONGEST_INTEGER = 4_000
# A quote, or an escape, which stays.
_QUOTES = re.compile(r'(\\.)|"')
# The levels of a Detail that PutEvents processes, as AWS documents. The event around it is one more.
DEEPEST = 1_000
# The recursion that parsing and serializing such an event needs, which exceeds Python's default limit.
RECURSION = 5_000
# orjson parses 1,024 levels and serializes 254.
_DEEPEST_WRITTEN = 254


def parse_json(text: str) -> Any:
    """Parse a JSON text. Raises ValueError if it is invalid, or nested deeper than any event."""
    try:
        value = json.loads(text, parse_float=parse_number, parse_int=_integer, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if _is_deeper(text, value, DEEPEST + 1):
        raise ValueError("nested too deeply")
    return value


def read_json(data: bytes) -> Any:
    """Parse what `write_json` or another writer of valid JSON has written, nearly always by the quick parser. That one
    refuses single surrogates and great depth, which events may have. Raises ValueError if it is invalid."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return parse_json(data.decode())


def write_json(value: Any) -> str:
    """Return compact JSON with unescaped characters. Single surrogates are escaped, which every parser accepts."""
    text = _write(value, ascii_only=False)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _write(value, ascii_only=True)
    return text


def write_bare(value: Any) -> str:
    """Return the value as a part of another text: a string without quotes, an object or array without inner quotes."""
    if isinstance(value, str):
        return value
    return _QUOTES.sub(r"\1", write_json(value))


def compact_object(text: str) -> bytes | None:
    """Return the text of a JSON object in the form of `write_json`; None if the text is not a JSON object.

    Most texts have no numbers that need the exact parser, and orjson's result for them is the same.
    """
    if len(text) <= 2 * _DEEPEST_WRITTEN or text.count("[") + text.count("{") <= _DEEPEST_WRITTEN:
        try:
            value = orjson.loads(text)
        except ValueError:  # malformed, or a rare form that only the exact parser accepts
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
    if isinstance(value, dict):  # comprehensions, which unlike generators use no C stack for each level
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
