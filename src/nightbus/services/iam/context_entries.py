"""Reads the context entries of a simulation: values of condition keys, each with a type. Pure."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.policies.request import Values
from nightbus.services.iam.errors import invalid_input


def _date(text: str) -> object:
    return float(text) if text.replace(".", "", 1).isdigit() else datetime.fromisoformat(text)


def _boolean(text: str) -> object:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text


def _ip(text: str) -> object:
    return ipaddress.ip_network(text, strict=False)


def _binary(text: str) -> object:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as broken:
        raise ValueError(text) from broken


_CHECKS: Mapping[str, Callable[[str], object]] = {
    "string": str,
    "numeric": float,
    "boolean": _boolean,
    "ip": _ip,
    "binary": _binary,
    "date": _date,
}


def context_values(entries: Sequence[Mapping[str, Any]]) -> dict[str, Values]:
    """Return the values by the keys' names in lower case. Raises AwsError InvalidInput.

    A list without a value is a key that is there and has none, which `ForAllValues:` takes.
    """
    values: dict[str, Values] = {}
    for entry in entries:
        name, given = str(entry.get("ContextKeyName", "")), list(entry.get("ContextKeyValues") or ())
        kind = str(entry.get("ContextKeyType", "string"))
        if not name or name.lower() in values:
            raise invalid_input(
                f"Context key {name} is named twice." if name else "A context key has no name."
            )
        base = kind.removesuffix("List")
        if base == kind and len(given) != 1:
            raise invalid_input(f"Context key {name} of type {kind} must have one value.")
        for one in given:
            _check(name, kind, _CHECKS[base], one)
        values[name.lower()] = given[0] if base == kind and given[0] else tuple(given)
    return values


def _check(name: str, kind: str, read: Callable[[str], object], text: str) -> None:
    try:
        read(text)
    except ValueError:
        raise _not_of_type(name, kind, text) from None


def _not_of_type(name: str, kind: str, text: str) -> AwsError:
    return invalid_input(f"Invalid value {text} of the context key {name}, which is of type {kind}.")
