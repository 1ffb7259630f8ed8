"""Which checksums does an object have? Those that its client gave (verified on the way in), or asked for."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

from nightbus.aws.checksums import Digest, new_digest
from nightbus.aws.errors import AwsError, not_supported
from nightbus.services.s3.bodies import CHUNK
from nightbus.services.s3.errors import invalid_request

MEMBERS = {
    "CRC32": "ChecksumCRC32",
    "CRC32C": "ChecksumCRC32C",
    "CRC64NVME": "ChecksumCRC64NVME",
    "SHA1": "ChecksumSHA1",
    "SHA256": "ChecksumSHA256",
}
FULL, COMPOSITE = "FULL_OBJECT", "COMPOSITE"
_HEADER = "x-amz-checksum-"


def digest_for(operation: str, algorithm: str) -> Digest:
    if algorithm not in MEMBERS:
        raise not_supported("s3", operation, f"ChecksumAlgorithm {algorithm}")
    return new_digest(algorithm.lower())


def encoded(digest: Digest) -> str:
    return base64.b64encode(digest.digest()).decode()


def given(members: Mapping[str, str | None], body: Any) -> dict[str, str]:
    """Those that came as members or, after the body, as trailers."""
    found = {name: value for name, value in members.items() if value is not None}
    for header, value in getattr(body, "trailers", {}).items():
        name = MEMBERS.get(header.removeprefix(_HEADER).upper())
        if header.startswith(_HEADER) and name is not None:
            found[name] = value
    if len(found) > 1:
        raise invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    return found


def check_announced(algorithm: str | None, found: Mapping[str, str]) -> None:
    """Raises AwsError where an algorithm was named and its value never came."""
    if algorithm is not None and not found:
        text = (
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or x-amz-trailer"
        )
        raise invalid_request(f"{text} headers were found.")


async def of_file(file: BinaryIO, operation: str, algorithm: str) -> dict[str, str]:
    digest = digest_for(operation, algorithm)

    def read() -> None:
        with file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)

    await asyncio.to_thread(read)
    return {MEMBERS[algorithm]: encoded(digest)}


def composite(algorithm: str, parts: Iterable[str]) -> str:
    """The checksum of the parts' checksums, and how many they were."""
    digest, count = new_digest(algorithm.lower()), 0
    for part in parts:
        digest.update(base64.b64decode(part))
        count += 1
    return f"{encoded(digest)}-{count}"


def type_for(algorithm: str | None, asked: str | None) -> str | None:
    """Of a multipart upload. Raises AwsError for a type that the algorithm cannot have."""
    if algorithm is None:
        return None
    chosen = asked or (FULL if algorithm == "CRC64NVME" else COMPOSITE)
    if (chosen == FULL and algorithm.startswith("SHA")) or (chosen == COMPOSITE and algorithm == "CRC64NVME"):
        text = f"The {chosen} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        raise invalid_request(text)
    return chosen


def mismatch(expected: str, actual: str | None) -> AwsError:
    text = (
        f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, actual checksum Type:"
    )
    return invalid_request(f"{text} {(actual or 'null').lower()}")
