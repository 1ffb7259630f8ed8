"""Reads the JSON texts of policies, and refuses those that not every JSON reader and writer of the node accepts."""

from __future__ import annotations

from typing import Any

import orjson


def read_document(text: str) -> Any:
    """Return the value of a JSON text. Raises ValueError if a part of the node could not read or write it again.

    That excludes NaN, numbers beyond a double, single surrogates, and nesting too deep to be written.
    """
    try:
        value = orjson.loads(text)
        orjson.dumps(value)
    except TypeError as broken:  # orjson raises it for a value that it cannot write
        raise ValueError(str(broken)) from broken
    return value
