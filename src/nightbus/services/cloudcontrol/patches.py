"""Applies JSON patches (RFC 6902) to a JSON document. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any


class BadPatch(ValueError):
    """The patch is not valid, or does not fit the document."""


def patched(document: Any, operations: Any) -> Any:
    """Return the document after all operations. The given one stays as it is. Raises BadPatch."""
    if not isinstance(operations, list):
        raise BadPatch("a patch is a list of operations")
    result = copy.deepcopy(document)
    for operation in operations:
        if not isinstance(operation, Mapping) or not isinstance(operation.get("path"), str):
            raise BadPatch("each operation is an object with op and path")
        result = _applied(result, operation)
    return result


def _applied(document: Any, operation: Mapping[str, Any]) -> Any:
    name, path = operation.get("op"), _pointer(operation["path"])
    if name in ("add", "replace", "test") and "value" not in operation:
        raise BadPatch(f"{name} {operation['path']} has no value")
    if name == "add":
        return _added(document, path, copy.deepcopy(operation["value"]))
    if name == "remove":
        return _removed(document, path)[0]
    if name == "replace":
        return _added(_removed(document, path)[0], path, copy.deepcopy(operation["value"]))
    if name == "test":
        if _at(document, path) != operation["value"]:
            raise BadPatch(f"the test of {operation['path']} failed")
        return document
    if name in ("move", "copy"):
        source = _pointer(str(operation.get("from", "-")))
        if name == "move" and path[: len(source)] == source and path != source:
            raise BadPatch("a value cannot be moved into itself")
        value = copy.deepcopy(_at(document, source))
        remaining = _removed(document, source)[0] if name == "move" else document
        return _added(remaining, path, value)
    raise BadPatch(f"there is no operation {name}")


def _pointer(text: str) -> list[str]:
    if text == "":
        return []
    if not text.startswith("/"):
        raise BadPatch(f"{text} is not a JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _at(document: Any, path: list[str]) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(part, len(document) - 1)]
        else:
            raise BadPatch(f"there is no /{'/'.join(path)}")
    return document


def _added(document: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _at(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(last, len(parent)), value)
    else:
        raise BadPatch(f"there is no /{'/'.join(path[:-1])} to add to")
    return document


def _removed(document: Any, path: list[str]) -> tuple[Any, Any]:
    if not path:
        return None, document
    parent, last = _at(document, path[:-1]), path[-1]
    if isinstance(parent, dict) and last in parent:
        return document, parent.pop(last)
    if isinstance(parent, list):
        return document, parent.pop(_index(last, len(parent) - 1))
    raise BadPatch(f"there is no /{'/'.join(path)}")


def _index(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or (len(text) > 1 and text[0] == "0") or int(text) > most:
        raise BadPatch(f"{text} is not an index of the list")
    return int(text)
