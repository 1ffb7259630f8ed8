"""Turns HTTP requests into operation calls, and their results into responses.

It is a raw ASGI callable. It answers every error in the protocol of the request, and never with a traceback.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from nightbus.aws.calls import Call, Caller, Operations, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import DEFAULT_ACCOUNT
from nightbus.aws.ids import new_request_id
from nightbus.aws.replies import Reply
from nightbus.aws.threads import LONG_TEXT, aside
from nightbus.aws.trace_header import of_traceparent, trace_header_or_none
from nightbus.clock import Clock
from nightbus.counters import Counters
from nightbus.gateway.bodies import Body, ClientGone, Room, read_whole, while_client_waits
from nightbus.gateway.catalogue import Catalogue
from nightbus.gateway.checked_json import Checked
from nightbus.gateway.cors import CrossOrigin
from nightbus.gateway.failure_log import Failures, error_of
from nightbus.gateway.models import ServiceModel
from nightbus.gateway.post_forms.multipart import read_form
from nightbus.gateway.post_forms.upload import bucket_of_form, put_form, with_credentials
from nightbus.gateway.protocols import PROTOCOLS
from nightbus.gateway.request import WireRequest, parse_query, repeated_headers
from nightbus.gateway.response import WireResponse, header_name, sent_whole
from nightbus.gateway.routing import FORM, Route, Routes, Unroutable
from nightbus.gateway.signatures.links import with_link
from nightbus.gateway.signatures.verifier import Verifier
from nightbus.gateway.uploads import decoded, upload
from nightbus.gateway.validation import checked
from nightbus.identity.live_sessions import LiveSessions
from nightbus.identity.signers import Signers

log = logging.getLogger("nightbus.gateway")

DEFAULT_REGION = "us-east-1"
_WAITING = frozenset({"ReceiveMessage"})  # may wait long, and leases messages that no other client gets then
_SPACES = dict.fromkeys([*range(0x20), 0x7F], " ")  # HTTP allows no control character in a header
_LONG_LIST = 250  # entries, which take some 10 ms to write as XML
AsgiScope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Gateway:
    """With `accepts_unknown_keys` a key that the node does not know is the root of the account that it names.

    With `takes_traceparent` a request without an X-Ray header belongs to the trace of its W3C header `traceparent`.
    """

    def __init__(
        self,
        operations: Operations,
        signers: Signers,
        sessions: LiveSessions,
        clock: Clock,
        accepts_unknown_keys: bool = True,
        counters: Counters | None = None,
        takes_traceparent: bool = False,
    ) -> None:
        self._takes_traceparent = takes_traceparent
        self._counters = counters or Counters()
        self._operations = operations
        self._sessions = sessions
        self._clock = clock
        self.verifier = Verifier(signers, clock, accepts_unknown_keys=accepts_unknown_keys)
        self._room = Room()
        self._failures = Failures(clock)
        self._cross_origin = CrossOrigin(operations, Scope(DEFAULT_ACCOUNT, DEFAULT_REGION))
        self._routes: Routes | None = None
        self._preparing: asyncio.Task[Routes] | None = None

    async def prepare(self) -> Routes:
        """Read the metadata of all services' models, for which the first request waits."""
        if self._preparing is None:
            self._preparing = asyncio.create_task(_make_routes())
        self._routes = await asyncio.shield(self._preparing)
        return self._routes

    async def __call__(
        self, scope: AsgiScope, receive: Receive, send: Send, allowed_origin: str | None = None
    ) -> None:
        """Answer one request. `allowed_origin` is the `Origin` of a web page that the gate admitted by the settings."""
        if scope["type"] != "http":
            return
        request_id = new_request_id()
        body = Body(receive)
        try:
            request = _request(scope)
        except ValueError:
            too_many = AwsError("MalformedQueryString", "The query string is malformed.")
            response = _error("query", None, too_many, request_id)
            await _send(send, response, scope["method"] == "HEAD", close=True)
            return
        try:
            if request.method == "OPTIONS":
                response = await self._preflight(request, allowed_origin, request_id)
            else:
                response = await self._respond(scope, request, body, request_id, allowed_origin)
        except ClientGone:
            return
        head_only = scope["method"] == "HEAD"
        if body.finished and not head_only and sent_whole(scope, response):
            return
        if isinstance(response.body, bytes) or head_only or not body.finished:
            await _send(send, response, head_only, close=not body.finished)
        else:
            await _send_while_client_reads(send, response, body)

    def tell_failure(self, what: str, request_id: str, failure: Exception) -> None:
        """Write down an error of the node itself, for what is not an operation."""
        self._failures.tell(what, request_id, failure)

    async def refuse(self, scope: AsgiScope, send: Send, error: AwsError) -> None:
        """Answer with an error in the request's protocol, as its headers show it, without reading the body."""
        try:
            request = _request(scope)
        except ValueError:  # the query string is invalid, which does not matter for a refused request
            request = _request({**scope, "query_string": b""})
        protocol, service = (self._routes or await self.prepare()).spoken(request)
        response = _error(protocol, service, error, new_request_id())
        await _send(send, response, scope["method"] == "HEAD", close=True)

    async def _preflight(
        self, request: WireRequest, allowed_origin: str | None, request_id: str
    ) -> WireResponse:
        """Answer OPTIONS, which is not an operation of any service, as AWS does: by CORS."""
        try:
            return WireResponse(headers=await self._cross_origin.preflight(request, allowed_origin))
        except AwsError as error:
            return _error("rest-xml", None, error, request_id)

    async def _respond(
        self, scope: AsgiScope, request: WireRequest, body: Body, request_id: str, allowed_origin: str | None
    ) -> WireResponse:
        bucket = bucket_of_form(request)
        if bucket is not None:
            response = await self._take_form(scope, request, body, bucket, request_id)
            request.labels["Bucket"] = bucket
            if allowed_origin is not None:
                response.headers |= await self._cross_origin.actual(request, allowed_origin, "s3")
            return response
        try:
            route = await self._route(request, body)
        except Unroutable as failure:
            self._counters.request("unknown", "unknown", failure.error.code, 0.0)
            return _error(failure.protocol, failure.service, failure.error, request_id)
        response = await self._answer(scope, request, body, route, request_id)
        if allowed_origin is not None:
            service = route.operation.service.name
            response.headers |= await self._cross_origin.actual(request, allowed_origin, service)
        return response

    async def _take_form(
        self, scope: AsgiScope, request: WireRequest, body: Body, bucket: str, request_id: str
    ) -> WireResponse:
        """Answer an upload by an HTML form, which is not an operation of S3's model."""
        try:
            form = await read_form(request.headers["content-type"], body.chunks())
            request = with_credentials(request, form)
            caller = (await self.verifier.verify_form(request, form.fields)).caller
            await self._sessions.check(caller, "s3", "PutObject")
            call = _circumstances(scope, request, request_id, caller)
            return await put_form(self._operations, call, bucket, form, self._clock.now_ms())
        except AwsError as error:
            return _error("rest-xml", None, error, request_id)
        except ClientGone:
            raise
        except Exception as failure:
            self._failures.tell("s3:POST Object", request_id, failure)
            return _error("rest-xml", None, error_of(failure), request_id)

    async def _answer(
        self, scope: AsgiScope, request: WireRequest, body: Body, route: Route, request_id: str
    ) -> WireResponse:
        service, operation = route.operation.service, route.operation.name
        began, result = time.perf_counter(), "ok"
        try:
            return await self._call(scope, request, body, route, request_id)
        except AwsError as error:
            result = error.code
            return _error(route.protocol, service, error, request_id)
        except ClientGone:
            result = "ClientGone"
            raise
        except Exception as failure:
            self._failures.tell(f"{service.name}:{operation}", request_id, failure)
            internal = error_of(failure)
            result = internal.code
            return _error(route.protocol, service, internal, request_id)
        finally:
            self._counters.request(service.name, operation, result, time.perf_counter() - began)

    async def _route(self, request: WireRequest, body: Body) -> Route:
        """Return the operation. The whole body has been read by then, except for uploads."""
        routes = self._routes or await self.prepare()
        signed_for = request.authorization.service
        if signed_for not in ("s3", "") or "x-amz-target" in request.headers:
            await read_whole(request, body, routes, self.verifier, self._room)
            if request.content_type == FORM and len(request.body) > LONG_TEXT:
                with contextlib.suppress(ValueError):  # `find` raises it again
                    await asyncio.to_thread(request.form)
            return routes.find(request)
        if request.content_type == "application/x-www-form-urlencoded" and not signed_for:
            await read_whole(request, body, routes, self.verifier, self._room)
        route = routes.find(request)
        if not route.operation.input_is_streamed and not body.finished:
            await read_whole(request, body, routes, self.verifier, self._room)
        return route

    async def _call(
        self, scope: AsgiScope, request: WireRequest, body: Body, route: Route, request_id: str
    ) -> WireResponse:
        operation, protocol = route.operation, PROTOCOLS[route.protocol]
        caller, payload = await self.verifier.verify(request, operation, route.protocol)
        await self._sessions.check(caller, operation.service.name, operation.name)
        if payload is not None and request.body:
            request.body = await decoded(request, payload)
        params = await aside(len(request.body), protocol.parse, operation, request)
        if len(request.body) > LONG_TEXT and type(params) is not Checked:
            params = await asyncio.to_thread(checked, operation, params)
        if operation.input_is_streamed and operation.input is not None and operation.input.payload:
            # Only S3's bodies are streams; Lambda's InvokeAsync has been read whole, with its route.
            params[operation.input.payload] = request.body or upload(request, body.chunks(), payload)
        call = _circumstances(scope, request, request_id, caller)
        if self._takes_traceparent and not call.trace and "traceparent" in request.headers:
            call = replace(call, trace=of_traceparent(request.headers["traceparent"]))
        if request.query:
            call = with_link(call, request, self._clock.now_ms())
        handling = self._operations.handle(operation.service.name, operation.name, params, call)
        result = await (while_client_waits(body, handling) if operation.name in _WAITING else handling)
        output = result.output if isinstance(result, Reply) else result
        if _is_long(output):
            response = await asyncio.to_thread(protocol.serialize, operation, output, request_id)
        else:
            response = protocol.serialize(operation, output, request_id)
        if isinstance(result, Reply):
            response.status = result.status or response.status
            response.headers.update(result.headers)
        if log.isEnabledFor(logging.DEBUG):
            log.debug(
                "%s:%s %d (request %s)", operation.service.name, operation.name, response.status, request_id
            )
        return response


def _circumstances(scope: AsgiScope, request: WireRequest, request_id: str, caller: Caller) -> Call:
    credential = request.authorization
    account = caller.account or DEFAULT_ACCOUNT
    region = credential.region if credential.region not in ("", "*", "aws-global") else DEFAULT_REGION
    endpoint = f"{scope.get('scheme', 'http')}://{request.headers.get('host', 'localhost')}"
    trace, agent = (request.headers.get(name, "") for name in ("x-amzn-trace-id", "user-agent"))
    trace, address = trace_header_or_none(trace), str((scope.get("client") or [""])[0])
    call = Call(Scope(account, region), caller, endpoint, request_id, trace, address, user_agent=agent)
    return call if scope.get("scheme") != "https" else replace(call, is_secure=True)


def _is_long(output: Mapping[str, Any]) -> bool:
    """Return whether the reply has a list so long that a thread should serialize it."""
    return any(isinstance(value, list) and len(value) > _LONG_LIST for value in output.values())


async def _make_routes() -> Routes:
    return Routes(await asyncio.to_thread(Catalogue.read))


def _request(scope: AsgiScope) -> WireRequest:
    headers = {_text(name): value.decode("latin-1") for name, value in scope["headers"]}
    raw_query = scope["query_string"].decode("latin-1")
    query, lists = parse_query(raw_query) if raw_query else ({}, {})
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    path = raw_path.decode("latin-1")
    request = WireRequest(scope["method"], path, query, headers, query_lists=lists)
    request.raw_path, request.raw_query = path, raw_query
    if len(headers) != len(scope["headers"]):
        request.repeated = repeated_headers(scope["headers"])
    return request


@functools.lru_cache(maxsize=1024)
def _text(name: bytes) -> str:
    return name.decode("latin-1")


def _error(protocol: str, service: ServiceModel | None, error: AwsError, request_id: str) -> WireResponse:
    return PROTOCOLS[protocol].serialize_error(service, error, request_id)


async def _send(send: Send, response: WireResponse, head: bool, close: bool) -> None:
    headers = {header_name(name): _header_value(value) for name, value in response.headers.items()}
    body = response.body
    length = len(body) if isinstance(body, bytes) else response.length
    if length is not None and not (head and b"content-length" in headers):
        headers[b"content-length"] = str(length).encode()
    if close:
        headers[b"connection"] = b"close"
    start = {"type": "http.response.start", "status": response.status, "headers": [*headers.items()]}
    await send(start)
    if head or isinstance(body, bytes):
        await send({"type": "http.response.body", "body": b"" if head else body})
        return
    async for chunk in body:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _send_while_client_reads(send: Send, response: WireResponse, body: Body) -> None:
    """Send a streamed body, and stop reading its source when the client closes the connection, which uvicorn does not
    report to the sender."""
    gone = asyncio.create_task(body.closed())
    source = response.body
    assert not isinstance(source, bytes)

    async def until_gone() -> AsyncIterator[bytes]:
        async for chunk in source:
            if gone.done():
                return
            yield chunk

    try:
        await _send(send, replace(response, body=until_gone()), head=False, close=False)
    finally:
        gone.cancel()
        close = getattr(source, "aclose", None)
        if close is not None:
            await close()


def _header_value(value: str) -> bytes:
    """Encode a header as Latin-1, or as UTF-8 if it has other characters, such as user metadata. A control character
    becomes a space."""
    if value.isascii() and value.isprintable():
        return value.encode()
    text = value.translate(_SPACES)
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
