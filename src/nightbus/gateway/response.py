"""Defines the response that the protocols serialize, independent of the HTTP server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class WireResponse:
    """A response. `body` is bytes, or chunks with their total `length` in bytes (None if it is not known)."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None
