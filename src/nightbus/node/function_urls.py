"""Answers the requests to function URLs: reads them, asks Lambda's service, and sends the responses.

Which web pages may ask, beside those that the function itself served: pages of `allowed_origins`, pages that the
URL's Cors allows, and a link or an address that somebody opens in a browser's window. The id in the host is not to be
guessed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_request_id
from nightbus.aws.trace_header import trace_header_or_none
from nightbus.gateway.gate import Admission
from nightbus.gateway.hosts import UrlHost
from nightbus.gateway.request import Credential, WireRequest, parse_query, repeated_headers
from nightbus.gateway.response import ABORT
from nightbus.node.admin.request import AsgiScope, Receive, Send
from nightbus.node.node import Node
from nightbus.services.lambda_.function_urls import cors
from nightbus.services.lambda_.function_urls.exchange import UrlRequest, UrlResponse
from nightbus.services.lambda_.function_urls.responses import error_response, failed
from nightbus.services.lambda_.function_urls.serving import (
    LARGEST_REQUEST,
    Cut,
    FunctionUrl,
    answer,
    find_url,
    no_such_url,
    too_large,
)

_MOST_DROPPED = 64 * 1024 * 1024
_NO_BODY = frozenset({204, 304})


class _ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def serve_function_url(
    node: Node, host: UrlHost, admission: Admission, scope: AsgiScope, receive: Receive, send: Send
) -> None:
    """Answer one request. `admission` is the gate's, which has admitted the host."""
    url = await find_url(node.platform, host.id, host.region)
    early = _refusal(url, admission, scope)
    if url is None or early is not None:
        await _send(early or no_such_url(), scope, send, close=True)
        return
    try:
        body = await _read(scope, receive)
    except _ClientGone:
        return
    if body is None:
        await _send(too_large(), scope, send, close=True)
        return
    request = _request(host, scope, body)
    try:
        if url.is_signed:
            request = replace(request, caller=await _caller(node, host, scope, request))
        response = await answer(node.platform, url, request)
    except AwsError as refused:
        response = error_response(refused.status, refused.code, {"Message": refused.message})
    except Exception as failure:
        node.gateway.tell_failure("lambda:function URL", request.request_id, failure)
        response = failed()
    if isinstance(response.body, bytes):
        await _send(response, scope, send)
    else:
        await _send_stream(response, response.body, scope, receive, send)


def _refusal(url: FunctionUrl | None, admission: Admission, scope: AsgiScope) -> UrlResponse | None:
    if url is None:
        return no_such_url()
    if admission.refusal is None or _page_may_ask(url, scope):
        return None
    return error_response(403, "AccessDeniedException", {"Message": admission.refusal.message})


def _page_may_ask(url: FunctionUrl, scope: AsgiScope) -> bool:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    origin = headers.get(b"origin")
    if origin is not None:
        return cors.allows(url.cors, origin)
    opened = (headers.get(b"sec-fetch-mode"), headers.get(b"sec-fetch-dest")) == ("navigate", "document")
    return opened and scope["method"] in ("GET", "HEAD")


async def _read(scope: AsgiScope, receive: Receive) -> bytes | None:
    """The whole body; None for one that is larger than a request may be. Raises _ClientGone.

    What is too large is read, and dropped, up to a bound: a client that still sends does not see the response. Nothing
    is read of a body whose declared length passes that bound.
    """
    if _declared_length(scope) > _MOST_DROPPED:
        return None
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > LARGEST_REQUEST:
            parts.clear()
        else:
            parts.append(part)
        if size > _MOST_DROPPED or not message.get("more_body", False):
            return b"".join(parts) if size <= LARGEST_REQUEST else None


def _declared_length(scope: AsgiScope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


def _request(host: UrlHost, scope: AsgiScope, body: bytes) -> UrlRequest:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    raw_path: bytes = scope.get("raw_path") or scope["path"].encode()
    query = scope["query_string"].decode("latin-1")
    named = dict(headers)
    client, server = scope.get("client"), scope.get("server")
    return UrlRequest(
        method=scope["method"],
        path=raw_path.decode("latin-1") or "/",
        query=query,
        headers=headers,
        body=body,
        domain=host.name,
        protocol=f"HTTP/{scope.get('http_version', '1.1')}",
        source_ip=client[0] if client else "127.0.0.1",
        scheme=scope.get("scheme", "http"),
        port=server[1] if server and server[1] else 80,
        caller=Caller.anonymous(),
        request_id=new_request_id(),
        trace=trace_header_or_none(named.get("x-amzn-trace-id", "")),
    )


def _last_values(query: str) -> dict[str, str]:
    with contextlib.suppress(ValueError):  # the query string is refused later
        return dict(parse_query(query)[0]) if "X-Amz-" in query else {}
    return {}


async def _caller(node: Node, host: UrlHost, scope: AsgiScope, request: UrlRequest) -> Caller:
    """Return who signed the request for Lambda in the URL's region. Raises AwsError for a wrong signature."""
    wire = WireRequest(
        request.method, request.path, _last_values(request.query), dict(request.headers), request.body
    )
    wire.raw_path, wire.raw_query = request.path, request.query
    wire.repeated = repeated_headers(scope["headers"])
    credential: Credential = wire.authorization
    if credential.malformed or credential.service != "lambda" or credential.region != host.region:
        return Caller.anonymous()
    caller = await node.gateway.verifier.verify_url(wire)
    return caller if await node.access_keys.sessions.is_alive(caller) else Caller.anonymous()


async def _send(response: UrlResponse, scope: AsgiScope, send: Send, *, close: bool = False) -> None:
    body = response.body if isinstance(response.body, bytes) and response.status not in _NO_BODY else b""
    headers = _encoded(response)
    if response.status not in _NO_BODY:
        headers.append((b"content-length", str(len(body)).encode()))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


async def _send_stream(
    response: UrlResponse, chunks: AsyncGenerator[bytes, None], scope: AsgiScope, receive: Receive, send: Send
) -> None:
    """Send chunk by chunk. A stream that the function did not end has no proper end here either."""
    gone = asyncio.create_task(_closed(receive))
    try:
        await send({"type": "http.response.start", "status": response.status, "headers": _encoded(response)})
        if scope["method"] != "HEAD" and response.status not in _NO_BODY:
            async for chunk in chunks:
                if gone.done():
                    return
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    except Cut:
        _abort(scope)
    finally:
        gone.cancel()
        response.abandon()
        await chunks.aclose()


async def _closed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _abort(scope: AsgiScope) -> None:
    abort = scope.get("extensions", {}).get(ABORT)
    if abort is not None:
        abort()


def _encoded(response: UrlResponse) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), _header_value(value)) for name, value in response.headers]


def _header_value(value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        return value.encode()
