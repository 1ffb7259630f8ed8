"""The schemas of resource types as AWS publishes them, read at the first use.

`scripts/update_schemas.py` writes the file.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson


@functools.cache
def resource_schemas() -> Mapping[str, Mapping[str, Any]]:
    """By type name; some 100 KB of text, read in a millisecond."""
    found: Mapping[str, Mapping[str, Any]] = orjson.loads(
        (Path(__file__).parent / "resource_schemas.json").read_bytes()
    )
    return found
