"""Reads AWS's published schemas of resource types, at the first use.

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
    """Return the schemas by type name. The file has some 100 KB and is read in a millisecond."""
    schemas: Mapping[str, Mapping[str, Any]] = orjson.loads(
        (Path(__file__).parent / "resource_schemas.json").read_bytes()
    )
    return schemas
