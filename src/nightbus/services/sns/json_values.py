"""Reads the attributes whose values are JSON."""

from __future__ import annotations

from typing import Any

from nightbus.aws.documents import read_document
from nightbus.services.sns.errors import bad_parameter


def json_object(name: str, text: str) -> dict[str, Any]:
    try:
        value = read_document(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise bad_parameter(f"{name}: failed to parse JSON.")
    return value
