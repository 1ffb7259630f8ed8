"""Answers one request for the API: finds its route, decides whether the caller may, checks what was sent, calls the
handler, and writes its answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import DEFAULT_ACCOUNT, is_account, is_region
from nightbus.aws.ids import new_request_id
from nightbus.console.api.access import admit
from nightbus.console.api.graphs import samples_of
from nightbus.console.api.modules import TABLES
from nightbus.console.api.openapi import describe
from nightbus.console.api.request import ApiRequest, KeptObjects
from nightbus.console.api.routing import Route, Router, converted
from nightbus.console.api.session import SIGN_IN
from nightbus.console.api.values import ApiError, EventStream, WithHeaders, check_texts, encoded
from nightbus.console.headers import API_HEADERS
from nightbus.console.mount import API
from nightbus.console.samples import Samples
from nightbus.console.sessions import sessions_of
from nightbus.gateway.failure_log import error_of
from nightbus.identity.console_sessions import Session
from nightbus.node.admin.request import AdminRequest
from nightbus.node.node import Node

_DEFAULT_REGION = "us-east-1"
_MOST_PARAMETERS = 100
_DESCRIPTION = ("GET", "/openapi.json")
_OPEN = (_DESCRIPTION, SIGN_IN)  # what anybody may ask whom the gate admits


class Api:
    def __init__(self, samples: Samples | None = None) -> None:
        self._router = Router(TABLES)
        self.kept = KeptObjects()
        if samples is not None:
            self.kept.keep(samples.node, samples_of, samples)
        self._description: bytes = b""

    def in_memory(self) -> dict[str, int]:
        return self.kept.in_memory()

    async def serve(self, request: AdminRequest) -> None:
        raw: bytes = request.asgi.get("raw_path") or request.asgi["path"].encode()
        path = raw.decode("latin-1")[len(API) :]
        try:
            await self._answer(request, path)
        except AwsError as error:
            await _send_error(request, error)
        except Exception as failure:
            request_id, told = new_request_id(), error_of(failure)
            request.node.gateway.tell_failure(f"API: {request.method} {path[:100]}", request_id, failure)
            if told.status == 500:
                text = f"The node has failed; its log has the reason under {request_id}."
                told = AwsError("InternalFailure", text, 500)
            await _send_error(request, told)

    async def _answer(self, request: AdminRequest, path: str) -> None:
        session: Session | None = None
        if (request.method, path) not in _OPEN:
            session = await admit(request, self.kept.get(request.node, sessions_of))
        if (request.method, path) == _DESCRIPTION:
            await _send(request, 200, self._described())
            return
        route, named = self._router.find(request.method, path)
        query = _query_of(request)
        scope = _scope_of(query)
        arguments: dict[str, Any] = dict(named)
        arguments |= await _read(request, route, query)
        answer = await route.handler(ApiRequest(request, scope, session, self.kept), **arguments)
        if isinstance(answer, EventStream):
            await _stream(request, request.node, answer)
            return
        headers: list[tuple[bytes, bytes]] = []
        if isinstance(answer, WithHeaders):
            answer, headers = answer.answer, answer.headers
        await _send(request, 200, encoded(answer), headers)

    def _described(self) -> bytes:
        if not self._description:
            self._description = msgspec.json.encode(describe(self._router.routes, API))
        return self._description


def _query_of(request: AdminRequest) -> dict[str, str]:
    try:
        text = request.asgi["query_string"].decode("latin-1")
        return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        raise AwsError("ValidationException", "The query has too many parameters.") from None


def _scope_of(query: dict[str, str]) -> Scope:
    """Takes `account` and `region` out of the query. Raises AwsError."""
    account, region = query.pop("account", DEFAULT_ACCOUNT), query.pop("region", _DEFAULT_REGION)
    if not is_account(account):
        raise AwsError("ValidationException", "`account` must be an account: it has twelve digits.")
    if not is_region(region):
        raise AwsError("ValidationException", "`region` must be a Region, such as us-east-1.")
    return Scope(account, region)


async def _read(request: AdminRequest, route: Route, query: Mapping[str, str]) -> dict[str, Any]:
    """What the route's handler gets of the query and the body. Raises AwsError."""
    arguments: dict[str, Any] = {}
    if route.query is not None:
        arguments["query"] = converted(query, route.query, strict=False)
    elif query:
        raise AwsError("ValidationException", f"This path takes no `{next(iter(query))[:80]}`.")
    if route.body is not None:
        if request.header("content-type").partition(b";")[0].strip().lower() != b"application/json":
            raise AwsError("UnsupportedMediaType", "The content type must be application/json.", 415)
        body = converted(await request.read_json(), route.body)
        check_texts(body)
        arguments["body"] = body
    return arguments


async def _send_error(request: AdminRequest, error: AwsError) -> None:
    await _send(request, error.status, encoded(ApiError(error=error.code, message=error.message)))


async def _send(
    request: AdminRequest, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    all_headers = [*own, *API_HEADERS, *(headers or ())]
    await request.send({"type": "http.response.start", "status": status, "headers": all_headers})
    await request.send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})


async def _stream(request: AdminRequest, node: Node, stream: EventStream) -> None:
    """Sends messages until the client is gone, the node stops, or the stream is not to go on."""
    try:
        await _send_stream(request, node, stream)
    finally:
        stream.close()


async def _send_stream(request: AdminRequest, node: Node, stream: EventStream) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no"), *API_HEADERS]
    await request.send({"type": "http.response.start", "status": 200, "headers": headers})
    sending = asyncio.create_task(_send_messages(request, stream))
    ends = [asyncio.create_task(_closed(request)), asyncio.create_task(node.ending.wait())]
    failure: Exception | None = None
    try:
        while not sending.done() and not any(end.done() for end in ends) and await stream.still():
            await asyncio.wait({sending, *ends}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
    except Exception as raised:  # nobody knows whether it is to go on: the store is away
        failure = raised
    finally:
        for task in (sending, *ends):
            task.cancel()
        results = await asyncio.gather(sending, *ends, return_exceptions=True)
    with contextlib.suppress(Exception):
        await request.send({"type": "http.response.body", "body": b""})
    if isinstance(results[0], Exception):
        failure = results[0]
    if failure is not None:
        node.gateway.tell_failure("API: a live stream", new_request_id(), failure)


async def _send_messages(request: AdminRequest, stream: EventStream) -> None:
    async for message in stream.messages:
        await request.send({"type": "http.response.body", "body": message, "more_body": True})


async def _closed(request: AdminRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
