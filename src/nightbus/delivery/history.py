"""How does an accepted event lie in its bus's history? Its envelope, and after it what its own commit delivered."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

Placed = tuple[str, str, str, str]  # rule, target id, target ARN, what the target calls it


def write_history(text: bytes, placed: Sequence[Placed]) -> bytes:
    """An envelope has no line breaks outside its strings, and in them they are escaped."""
    return text + b"\n" + orjson.dumps(placed) if placed else text


def event_text(data: bytes) -> bytes:
    return data.partition(b"\n")[0]


def placed_in(data: bytes) -> list[Placed]:
    placed = data.partition(b"\n")[2]
    return [(rule, target, arn, name) for rule, target, arn, name in orjson.loads(placed)] if placed else []
