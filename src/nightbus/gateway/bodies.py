"""Reads the body of a request: as it arrives, or the whole of it up to a bound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from nightbus.aws.errors import AwsError
from nightbus.gateway.models import ServiceModel
from nightbus.gateway.request import WireRequest
from nightbus.gateway.routing import Routes, Unroutable
from nightbus.gateway.signatures.verifier import Verifier

_MEBIBYTE = 1024 * 1024
_LARGEST = {"lambda": 80 * _MEBIBYTE}  # CreateFunction has the package in base64
_LARGEST_USUAL = 16 * _MEBIBYTE  # for payloads of 6 MB, and of 1 MB with all characters escaped
_LARGEST_UNSIGNED = 2 * _MEBIBYTE  # a form with a message of 1 MiB for a queue that is open to everybody
_MOST_AT_ONCE = 512 * _MEBIBYTE  # of all bodies that are being read
T = TypeVar("T")


class Room:
    """How many bytes of bodies are in memory that have not come whole, so that nobody knows who signed them.

    One access key may have as much as it leaves free, half of the room when it is alone, so that bodies that never end
    leave room for those of others: of n keys that take what they can get, each has the n+1st part. Requests without a
    key count as one. (Choudhury and Hahne, Dynamic Queue Length Thresholds for Shared-Memory Packet Switches, 1998.)
    """

    def __init__(self, most: int = _MOST_AT_ONCE) -> None:
        self.most = most
        self.taken = 0
        self._of_key: dict[str, int] = {}

    def take(self, key: str, size: int) -> bool:
        """Take room for `size` bytes more of a body that claims the access key, "" for none. False: there is none."""
        own = self._of_key.get(key, 0) + size
        if own > self.most - self.taken - size:
            return False
        self._of_key[key] = own
        self.taken += size
        return True

    def give_back(self, key: str, size: int) -> None:
        self.taken -= size
        left = self._of_key.pop(key, 0) - size
        if left > 0:
            self._of_key[key] = left


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


class Body:
    """The body of a request, in the chunks in which it arrives."""

    def __init__(self, receive: Callable[[], Awaitable[Any]]) -> None:
        self._receive = receive
        self.finished = False

    async def next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.finished = not message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body

    async def closed(self) -> None:
        """Return when the client closes the connection after the whole body."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def chunks(self) -> AsyncIterator[bytes]:
        while not self.finished:
            chunk = await self.next()
            if chunk:
                yield chunk


async def while_client_waits(body: Body, handling: Coroutine[Any, Any, T]) -> T:
    """Return the result of `handling`, which is cancelled if the client closes the connection. Raises ClientGone."""
    handled, gone = asyncio.create_task(handling), asyncio.create_task(body.closed())
    try:
        await asyncio.wait({handled, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not handled.done():
            raise ClientGone
        return handled.result()
    finally:
        handled.cancel()
        gone.cancel()


async def read_whole(
    request: WireRequest, body: Body, routes: Routes, verifier: Verifier, room: Room
) -> None:
    """Read the whole body.

    Raises Unroutable if it is longer than any body of the service may be, or if there is no room for it now. Only the
    first chunk is read where the key is one that will be refused.
    """
    first = await body.next()
    if body.finished:
        request.body = first
        return
    await _check_key(request, routes, verifier)
    key, limit, parts, size = request.authorization.access_key, _largest(request), [first], 0
    try:
        async for chunk in body.chunks():
            is_short = len(first) + size + len(chunk) <= limit
            if not is_short or not room.take(key, len(chunk)):
                protocol, service = routes.spoken(request)
                refusal = _no_room(service) if is_short else _too_large(limit, service)
                raise Unroutable(protocol, refusal, service)
            size += len(chunk)
            parts.append(chunk)
        request.body = b"".join(parts)
    finally:
        room.give_back(key, size)


async def _check_key(request: WireRequest, routes: Routes, verifier: Verifier) -> None:
    if not request.authorization.is_given:
        return
    protocol, service = routes.spoken(request)
    try:
        await verifier.check_key(request, service.name if service is not None else "", protocol)
    except AwsError as refused:
        raise Unroutable(protocol, refused, service) from None


def _largest(request: WireRequest) -> int:
    """Return the largest body, in bytes, by the request's service and by whether it claims a signature."""
    credential = request.authorization
    if not credential.is_given:
        return _LARGEST_UNSIGNED
    return _LARGEST.get(credential.service, _LARGEST_USUAL)


def _too_large(limit: int, service: ServiceModel | None) -> AwsError:
    code = (
        "EntityTooLarge" if service is not None and service.name == "s3" else "RequestEntityTooLargeException"
    )
    return AwsError(code, f"Request must be smaller than {limit} bytes.", 413)


def _no_room(service: ServiceModel | None) -> AwsError:
    code = "SlowDown" if service is not None and service.name == "s3" else "ServiceUnavailable"
    return AwsError(code, "Too many large requests arrive at a time: try again.", 503)
