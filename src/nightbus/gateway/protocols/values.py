"""Converts scalars between the wire and Python values: timestamps, blobs, booleans and numbers."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.gateway.models import Shape

_INTEGERS = {"integer", "long"}
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_FLOATS = {"float", "double"}


def malformed(message: str) -> AwsError:
    return AwsError("SerializationException", message)


def to_datetime(value: Any) -> datetime:
    """Return a datetime from a handler's value: a datetime, or seconds since 1970."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return datetime.fromtimestamp(value, UTC)


def format_timestamp(value: Any, style: str) -> str | int | float:
    when = to_datetime(value).astimezone(UTC)
    if style == "iso8601":
        fraction = f".{when.microsecond // 1000:03d}" if when.microsecond else ""
        return when.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"
    if style == "rfc822":
        return format_datetime(when.replace(microsecond=0), usegmt=True)
    seconds = round(when.timestamp(), 3)
    return int(seconds) if seconds == int(seconds) else seconds


def parse_timestamp(value: Any) -> datetime:
    """Parse any of the three timestamp formats, whichever the model requires, because clients are not strict in
    headers, labels, forms and XML. A number is seconds since 1970."""
    try:
        if isinstance(value, bool):
            raise ValueError(value)
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        text = str(value).strip()
        if text[:1].isdigit() and text.replace(".", "", 1).isdigit():
            return datetime.fromtimestamp(float(text), UTC)
        parsed = parsedate_to_datetime(text) if text[:1].isalpha() else datetime.fromisoformat(text)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError, TypeError) as wrong:
        raise malformed(f"{value!r} is not a timestamp") from wrong


def parse_blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as wrong:
        raise malformed("A blob is not valid base64.") from wrong


def encode_blob(value: bytes | str) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def parse_text(shape: Shape, text: str) -> Any:
    """Parse a scalar from the text of a form field, a header, a label or XML."""
    kind = shape.type
    if kind == "timestamp":
        return parse_timestamp(text)
    if kind == "blob":
        return parse_blob(text)
    if kind == "boolean":
        return _boolean(text)
    try:
        if kind in _INTEGERS:
            if not _INTEGER.fullmatch(text):
                raise ValueError(text)
            return int(text)
        if kind in _FLOATS:
            return float(text)
    except ValueError as wrong:
        raise malformed(f"{text[:80]!r} is not a number") from wrong
    return text


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in ("true", "false", "1", "0"):
        raise malformed(f"{text!r} is not a boolean")
    return lowered in ("true", "1")


def format_text(shape: Shape, value: Any, timestamp_style: str) -> str:
    kind = shape.type
    if kind == "timestamp":
        return str(format_timestamp(value, shape.traits.get("timestampFormat", timestamp_style)))
    if kind == "blob":
        return encode_blob(value)
    if kind == "boolean" or isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
