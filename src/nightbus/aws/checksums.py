"""Computes the checksums of S3.

CRC32C and CRC64NVME are not in the standard library. If botocore's accelerator (awscrt) is installed, it computes them,
else this module's tables do.
"""

from __future__ import annotations

import functools
import hashlib
import zlib
from collections.abc import Callable
from typing import Protocol

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
ALGORITHMS = frozenset(_MAKERS)  # in lower case


def new_digest(algorithm: str) -> Digest:
    """Return a new digest. `algorithm` is in lower case. Raises KeyError for an unknown one."""
    return _MAKERS[algorithm]()
