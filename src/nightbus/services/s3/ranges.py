"""Computes which bytes of an object a Range header or a part number selects."""

from __future__ import annotations

import re

from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import whole_number
from nightbus.services.s3.errors import invalid_argument, invalid_request
from nightbus.services.s3.records import ObjectVersion

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def byte_range(version: ObjectVersion, header: str | None, part_number: int | None) -> tuple[int, int]:
    """Return start and length in bytes. An invalid header is ignored, as S3 does.

    Raises AwsError InvalidRange for a range outside the object.
    """
    if part_number is not None:
        if header is not None:
            raise invalid_request("Cannot specify both Range header and partNumber query parameter")
        return _part(version, part_number)
    bounds = _bounds(header)
    if bounds is None:
        return 0, version.size
    first, last = bounds
    if first is None:
        length = min(last or 0, version.size)
        start = version.size - length
    else:
        start = first
        length = min(version.size - 1 if last is None else last, version.size - 1) - first + 1
    if length <= 0:
        fields = {
            "RangeRequested": header or "",
            "ActualObjectSize": str(version.size),
            "content-range": f"bytes */{version.size}",
        }
        raise AwsError("InvalidRange", "The requested range is not satisfiable", 416, fields=fields)
    return start, length


def is_range(header: str | None) -> bool:
    """Return whether the header is a valid range. Then the status is 206, even if the range covers the whole object."""
    return _bounds(header) is not None


def _bounds(header: str | None) -> tuple[int | None, int | None] | None:
    """Return the first and the last byte, (None, n) for the last n bytes, or None if the header is not a range."""
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return None
    first, last = (whole_number(text) for text in match.groups())
    if first is not None and last is not None and last < first:
        return None
    return first, last


def _part(version: ObjectVersion, number: int) -> tuple[int, int]:
    if not 1 <= number <= 10_000:
        text = "Part number must be an integer between 1 and 10000, inclusive"
        raise invalid_argument(text, "partNumber", number)
    parts = version.parts or [version.size]
    if number > len(parts):
        raise AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416)
    return sum(parts[: number - 1]), parts[number - 1]
