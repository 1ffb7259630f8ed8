"""How does an HTTP endpoint get a notification? One POST with SNS's headers; whatever is not 2xx is a refusal.

https://docs.aws.amazon.com/sns/latest/dg/sns-http-https-endpoint-as-subscriber.html. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
from collections.abc import Mapping
from urllib.parse import SplitResult, unquote, urlsplit

TIMEOUT_SECONDS = 15.0
_MOST_HEAD, _MOST_DRAINED = 65_536, 65_536
_TOO_MANY, _SERVER_ERROR = 429, 500
_PORTS = {"http": 80, "https": 443}


class Refused(Exception):
    """The endpoint did not take it. `permanent`: AWS would not ask it again."""

    def __init__(self, text: str, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent


async def post(url: str, headers: Mapping[str, str], body: bytes, tls: ssl.SSLContext) -> None:
    """Raises Refused."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            status = await _exchange(urlsplit(url), headers, body, tls)
    except TimeoutError:
        raise Refused(f"no answer within {TIMEOUT_SECONDS:g} s", permanent=False) from None
    except (OSError, ValueError, EOFError) as broken:
        raise Refused(f"{type(broken).__name__}: {broken}", permanent=False) from broken
    if not 200 <= status < 300:
        raise Refused(f"HTTP {status}", permanent=status < _SERVER_ERROR and status != _TOO_MANY)


async def _exchange(url: SplitResult, headers: Mapping[str, str], body: bytes, tls: ssl.SSLContext) -> int:
    port = url.port or _PORTS[url.scheme]
    reader, writer = await asyncio.open_connection(
        url.hostname, port, ssl=tls if url.scheme == "https" else None, limit=_MOST_HEAD
    )
    try:
        writer.write(_head(url, headers, len(body)) + body)
        await writer.drain()
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head.split(None, 2)[1])
            if status >= 200:
                break
        await _drain(reader, head)
        return status
    except asyncio.LimitOverrunError:
        raise ValueError("the answer's head is too long") from None
    except IndexError:
        raise ValueError("the answer is not HTTP") from None
    finally:
        writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await writer.wait_closed()


def _head(url: SplitResult, headers: Mapping[str, str], length: int) -> bytes:
    host = url.netloc.rpartition("@")[2]
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    lines = {"Host": host, "Connection": "close", "Content-Length": str(length), **headers}
    if url.username is not None:
        given = f"{unquote(url.username)}:{unquote(url.password or '')}"
        lines["Authorization"] = f"Basic {base64.b64encode(given.encode()).decode()}"
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target} HTTP/1.1\r\n{text}\r\n".encode()


async def _drain(reader: asyncio.StreamReader, head: bytes) -> None:
    """Let the endpoint send its answer to the end, where that is near, rather than break the connection."""
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length" and value.strip().isdigit():
            with contextlib.suppress(EOFError):
                await reader.readexactly(min(int(value), _MOST_DRAINED))


def without_secret(endpoint: str) -> str:
    """An endpoint as a log may show it: a URL's user and password are nobody's business."""
    if "@" not in endpoint or "://" not in endpoint:
        return endpoint
    scheme, _, rest = endpoint.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}"
