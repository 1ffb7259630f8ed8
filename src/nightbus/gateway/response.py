"""Defines the response that the protocols serialize, independent of the HTTP server."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class WireResponse:
    """A response. `body` is bytes, or chunks with their total `length` in bytes (None if it is not known)."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] = b""
    length: int | None = None


RESPOND = "nightbus.respond"  # the extension of ASGI by which the node's server writes a whole response
ABORT = "nightbus.abort"  # the extension by which it closes the connection in the middle of a response
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # what the name of a header may be


def sent_whole(scope: Mapping[str, Any], response: WireResponse) -> bool:
    """Write a response that is whole and plain at once. False where the messages of ASGI are to carry it."""
    body, respond = response.body, scope.get("extensions", {}).get(RESPOND)
    if respond is None or not isinstance(body, bytes):
        return False
    headers = {}
    for name, value in response.headers.items():
        if not (value.isascii() and value.isprintable() and _is_token(name)):
            return False
        headers[header_name(name)] = value.encode()
    headers[b"content-length"] = b"%d" % len(body)
    return b"connection" not in headers and bool(respond(response.status, headers, body))


@functools.lru_cache(maxsize=1024)
def header_name(name: str) -> bytes:
    return name.lower().encode("latin-1")


@functools.lru_cache(maxsize=1024)
def _is_token(name: str) -> bool:
    return _TOKEN.fullmatch(name) is not None
