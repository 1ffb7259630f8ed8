"""Is the body what its sender meant? Checksums that S3 clients send beside an upload, verified as it passes.

CRC32C and CRC64NVME are not in the standard library; botocore's own accelerator is used where it is installed,
else tables of our own.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import zlib
from collections.abc import Callable
from typing import Protocol

from nightbus.aws.errors import AwsError

HEADER_PREFIX = "x-amz-checksum-"
_CRC32C_POLYNOMIAL = 0x82F63B78
_CRC64_POLYNOMIAL = 0x9A6C9329AC4BC9B5


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, step: Callable[[bytes, int], int], size: int) -> None:
        self._step = step
        self._size = size
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size, "big")


@functools.cache
def _table(polynomial: int) -> tuple[int, ...]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ polynomial if value & 1 else value >> 1
        table.append(value)
    return tuple(table)


def _table_step(polynomial: int, bits: int) -> Callable[[bytes, int], int]:
    mask = (1 << bits) - 1

    def step(data: bytes, value: int) -> int:
        table = _table(polynomial)
        value ^= mask
        for byte in data:
            value = table[(value ^ byte) & 0xFF] ^ value >> 8
        return value ^ mask

    return step


def _accelerated(name: str, polynomial: int, bits: int) -> Callable[[bytes, int], int]:
    try:
        from awscrt import checksums
    except ImportError:
        return _table_step(polynomial, bits)
    step: Callable[[bytes, int], int] = getattr(checksums, name)
    return step


_MAKERS: dict[str, Callable[[], Digest]] = {
    "crc32": lambda: _Crc(zlib.crc32, 4),
    "crc32c": lambda: _Crc(_accelerated("crc32c", _CRC32C_POLYNOMIAL, 32), 4),
    "crc64nvme": lambda: _Crc(_accelerated("crc64nvme", _CRC64_POLYNOMIAL, 64), 8),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "sha256": hashlib.sha256,
}
ALGORITHMS = frozenset(_MAKERS)


def new_digest(algorithm: str) -> Digest:
    """`algorithm` in lower case. Raises KeyError."""
    return _MAKERS[algorithm]()


class BodyCheck:
    """All that is claimed of one body; `expect` may be told late, since trailers come after the body."""

    def __init__(self) -> None:
        self._expected: dict[str, str] = {}
        self._digests: dict[str, Digest] = {}

    def watch(self, algorithm: str) -> None:
        """Compute this one while the body passes. An algorithm that nobody knows is the client's mistake."""
        if algorithm not in ALGORITHMS and algorithm != "md5":
            raise AwsError(
                "InvalidRequest", f"The algorithm {algorithm.upper()} of the trailer is not supported."
            )
        if algorithm not in self._digests:
            self._digests[algorithm] = (
                hashlib.md5(usedforsecurity=False) if algorithm == "md5" else new_digest(algorithm)
            )

    def expect(self, algorithm: str, value: str) -> None:
        self.watch(algorithm)
        self._expected[algorithm] = value

    def update(self, data: bytes) -> None:
        for digest in self._digests.values():
            digest.update(data)

    def verify(self) -> None:
        """Raises AwsError BadDigest (or InvalidDigest) as S3 words it."""
        for algorithm, claimed in self._expected.items():
            actual = base64.b64encode(self._digests[algorithm].digest()).decode()
            if actual == claimed:
                continue
            if algorithm == "md5":
                if not _is_md5(claimed):
                    raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.")
                raise AwsError("BadDigest", "The Content-MD5 you specified did not match what we received.")
            text = f"The {algorithm.upper()} you specified did not match the calculated checksum."
            raise AwsError("BadDigest", text)


def _is_md5(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 16
    except ValueError:
        return False
