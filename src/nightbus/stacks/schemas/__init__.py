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


def named_properties(type_name: str, keyword: str) -> list[str]:
    """Return the top-level properties that the schema lists under the keyword, such as `primaryIdentifier`.

    Where it lists a part of a property, as `/properties/Endpoint/Address`, that property is left out.
    """
    listed = resource_schemas().get(type_name, {}).get(keyword) or ()
    return [pointer.split("/")[2] for pointer in listed if pointer.count("/") == 2]


def primary_identifier(type_name: str) -> list[str]:
    """Return the properties that identify a resource of the type, in the order in which `|` joins their values."""
    listed = resource_schemas().get(type_name, {}).get("primaryIdentifier") or ()
    return [pointer.rsplit("/", 1)[-1] for pointer in listed]


def resolved(type_name: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema that a `$ref` of the type's schema refers to, or the schema itself."""
    for _ in range(20):
        reference = schema.get("$ref")
        if reference is None:
            return schema
        referenced: Any = resource_schemas()[type_name]
        for part in str(reference).removeprefix("#/").split("/"):
            referenced = referenced[part]
        schema = referenced
    return schema
