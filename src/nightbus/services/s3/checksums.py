"""Computes and compares the checksums of objects.

An object has the checksum that its client sent, which the gateway has verified while it read the body, or the one that
the client requested.
"""

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


def base64_digest(digest: Digest) -> str:
    return base64.b64encode(digest.digest()).decode()


def from_request(members: Mapping[str, str | None], body: Any) -> dict[str, str]:
    """Return the checksums that the request carries, as members or as trailers after its body.

    Raises AwsError InvalidRequest for more than one.
    """
    checksums = {name: value for name, value in members.items() if value is not None}
    for header, value in getattr(body, "trailers", {}).items():
        name = MEMBERS.get(header.removeprefix(_HEADER).upper())
        if header.startswith(_HEADER) and name is not None:
            checksums[name] = value
    if len(checksums) > 1:
        raise invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    return checksums


def check_announced(algorithm: str | None, checksums: Mapping[str, str]) -> None:
    """Raise AwsError if the request names an algorithm and carries no checksum."""
    if algorithm is not None and not checksums:
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
    return {MEMBERS[algorithm]: base64_digest(digest)}


def composite(algorithm: str, parts: Iterable[str]) -> str:
    """Return the checksum over the parts' checksums, followed by `-` and the number of parts."""
    digest, count = new_digest(algorithm.lower()), 0
    for part in parts:
        digest.update(base64.b64decode(part))
        count += 1
    return f"{base64_digest(digest)}-{count}"


def type_for(algorithm: str | None, requested: str | None) -> str | None:
    """Return the checksum type of a multipart upload. Raises AwsError for a type that the algorithm does not allow."""
    if algorithm is None:
        return None
    chosen = requested or (FULL if algorithm == "CRC64NVME" else COMPOSITE)
    if (chosen == FULL and algorithm.startswith("SHA")) or (chosen == COMPOSITE and algorithm == "CRC64NVME"):
        text = f"The {chosen} checksum type cannot be used with the {algorithm.lower()} checksum algorithm."
        raise invalid_request(text)
    return chosen


def mismatch(expected: str, actual: str | None) -> AwsError:
    text = (
        f"Checksum Type mismatch occurred, expected checksum Type: {expected.lower()}, actual checksum Type:"
    )
    return invalid_request(f"{text} {(actual or 'null').lower()}")
