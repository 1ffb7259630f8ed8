"""Can the JSON text of a policy be kept? What one reader takes and another does not breaks whoever reads it later."""

from __future__ import annotations

from typing import Any

import orjson


def read_document(text: str) -> Any:
    """The value of a JSON text that can be read and written again by every part; else ValueError.

    So not NaN, numbers that no double holds, bare surrogates, or depth beyond what can be written.
    """
    try:
        value = orjson.loads(text)
        orjson.dumps(value)
    except TypeError as broken:  # which orjson raises for what it cannot write
        raise ValueError(str(broken)) from broken
    return value
