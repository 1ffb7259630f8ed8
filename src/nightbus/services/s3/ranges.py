"""Which bytes does a Range header or a part number ask for?"""

from __future__ import annotations

import re

from nightbus.aws.errors import AwsError
from nightbus.services.s3.errors import invalid_argument
from nightbus.services.s3.records import Version

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def byte_range(version: Version, header: str | None, part_number: int | None) -> tuple[int, int]:
    """Start and length. A header that is no range is ignored, as S3 does; one outside raises InvalidRange."""
    size = version.size
    if part_number is not None:
        if header is not None:
            text = "Cannot specify both Range header and partNumber query parameter"
            raise AwsError("InvalidRequest", text)
        return _part(version, part_number)
    match = _RANGE.fullmatch(header.strip()) if header else None
    if match is None or match.groups() == ("", ""):
        return 0, size
    first, last = match.groups()
    if not first:
        wanted = min(int(last), size)
        start, end = size - wanted, size - 1
        empty = wanted == 0
    else:
        start, end = int(first), min(int(last), size - 1) if last else size - 1
        if last and int(last) < start:
            return 0, size
        empty = start >= size
    if empty:
        fields = {
            "RangeRequested": header or "",
            "ActualObjectSize": str(size),
            "content-range": f"bytes */{size}",
        }
        raise AwsError("InvalidRange", "The requested range is not satisfiable", 416, fields=fields)
    return start, end - start + 1


def _part(version: Version, number: int) -> tuple[int, int]:
    if number < 1:
        raise invalid_argument(
            "Part number must be an integer between 1 and 10000, inclusive", "partNumber", number
        )
    parts = version.parts or [version.size]
    if number > len(parts):
        raise AwsError("InvalidPartNumber", "The requested partnumber is not satisfiable", 416)
    return sum(parts[: number - 1]), parts[number - 1]
