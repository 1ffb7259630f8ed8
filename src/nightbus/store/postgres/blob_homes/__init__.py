"""Defines where the bytes of blobs may lie: in the database, in a folder that the nodes share, in a bucket.

What a home keeps has a number (`content`), under which bytes are written once and never changed. Which home a cluster
has is a setting of all its nodes (`places.py`); where it is changed, what lies in the database stays readable.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

PIECE = 1024 * 1024  # bytes, of which a blob is written and read at once


class BlobHome(Protocol):
    name: str

    async def write(self, content: int, pieces: AsyncIterator[bytes]) -> None:
        """Durable on return; each piece but the last has PIECE bytes. Raises OSError,
        StoreUnavailable, or what `pieces` raise."""
        ...

    def read(self, content: int) -> AsyncIterator[bytes]:
        """The bytes in pieces, one at least. Raises KeyError where there are none, OSError,
        StoreUnavailable."""
        ...

    async def delete(self, content: int) -> None:
        """Nothing happens where there are none. Raises OSError, StoreUnavailable."""
        ...
