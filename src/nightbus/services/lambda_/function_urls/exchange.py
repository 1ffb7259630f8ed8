"""Defines the request and the response of a function URL, independent of the HTTP server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from nightbus.aws.calls import Caller

Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class UrlRequest:
    """`path` and `query` are as the client sent them; `headers` have names in lower case, a name once for each line.

    `domain` is the host without its port. `caller` is anonymous where the request is not signed for Lambda.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    domain: str
    protocol: str
    source_ip: str
    scheme: str
    port: int
    caller: Caller
    request_id: str
    trace: str = ""

    def header(self, name: str) -> str | None:
        return next((value for one, value in self.headers if one == name), None)


def _nothing() -> None:
    pass


@dataclass(slots=True)
class UrlResponse:
    """`abandon` is called where the body is not read to its end, so that the function does not wait for a reader."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes | AsyncGenerator[bytes, None] = b""
    abandon: Callable[[], None] = _nothing
