"""Answers a request to a function URL: who may ask, the invocation, and the response as a whole or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from nightbus.aws.calls import Call, Caller
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex
from nightbus.aws.threads import aside
from nightbus.functions.interface import InvokeResult
from nightbus.functions.runtime_api.response_stream import ResponseStream
from nightbus.policies.callers import refusal, request_by
from nightbus.policies.request import Need
from nightbus.services.context import Context, Platform
from nightbus.services.lambda_.function_urls.cors import is_preflight, preflight_response, with_cors
from nightbus.services.lambda_.function_urls.events import event_of
from nightbus.services.lambda_.function_urls.exchange import UrlRequest, UrlResponse
from nightbus.services.lambda_.function_urls.records import RESPONSE_STREAM, owner_of, url_record
from nightbus.services.lambda_.function_urls.responses import (
    Malformed,
    Prelude,
    error_response,
    failed,
    response_of,
)
from nightbus.services.lambda_.invocations.running import Runnable, find_ready, run
from nightbus.services.lambda_.invocations.streaming import begin_streaming, result_of_stream
from nightbus.services.lambda_.invocations.trace_notes import with_run_notes
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.lambda_.records import resource_policy_of

LARGEST_REQUEST = 6_291_456
_MOST_PARAMETERS = 20_000
_OPERATION = "lambda:InvokeFunctionUrl"
_ACTIONS = ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")


@dataclass(frozen=True, slots=True)
class FunctionUrl:
    """A URL as it is set now."""

    id: str
    ref: FunctionRef
    is_signed: bool
    cors: Mapping[str, Any]
    streams: bool


async def find_url(platform: Platform, url_id: str, region: str) -> FunctionUrl | None:
    """None where there is no such URL in the region."""
    ref = await owner_of(platform.invocables, url_id)
    record = await url_record(platform.invocables, ref) if ref is not None else None
    if ref is None or record is None or ref.scope.region != region or record.value["id"] != url_id:
        return None
    value = record.value
    streams = value["InvokeMode"] == RESPONSE_STREAM
    return FunctionUrl(url_id, ref, value["AuthType"] == "AWS_IAM", value["Cors"], streams)


def no_such_url() -> UrlResponse:
    return error_response(403, "AccessDeniedException", {"Message": None})


def forbidden() -> UrlResponse:
    return error_response(403, "AccessDeniedException", {"Message": "Forbidden"})


def too_large() -> UrlResponse:
    text = f"Request must be smaller than {LARGEST_REQUEST} bytes for the InvokeFunction operation"
    return error_response(413, "RequestEntityTooLargeException", {"Message": text})


async def may_invoke(platform: Platform, url: FunctionUrl, call: Call) -> bool:
    """Return whether the call may invoke the function by its URL: both actions are needed since October 2025.

    A signed request needs them of the caller's policies, the function's, or both, as any call of an operation; for an
    open URL the function's policy has to admit everybody. https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    """
    values = {
        "lambda:functionurlauthtype": "AWS_IAM" if url.is_signed else "NONE",
        "lambda:invokedviafunctionurl": "true",
    }
    resource, authorizer = url.ref.qualified_arn, platform.authorizer
    if not url.is_signed or authorizer is None:
        if url.is_signed and call.caller.is_anonymous:
            return False
        policy = await resource_policy_of(platform.invocables, url.ref)
        asked = [request_by(call.caller, action, resource, values) for action in _ACTIONS]
        return not any(refusal(policy, one, url.ref.scope.account) for one in asked)
    if call.caller.is_anonymous:
        return False
    try:
        await authorizer.authorize(_OPERATION, [Need(one, resource, values) for one in _ACTIONS], call)
    except AwsError:
        return False
    return True


async def answer(platform: Platform, url: FunctionUrl, request: UrlRequest) -> UrlResponse:
    """The response, with the headers that Lambda and the URL's Cors add."""
    if is_preflight(url.cors, request):
        response = preflight_response(url.cors, request)
    else:
        trace = request.trace or f"Root=1-{platform.clock.now_ms() // 1000:08x}-{new_hex(24)}"
        response = await _invoke(platform, url, request, trace)
        response.headers.append(("x-amzn-trace-id", trace))
        response.headers = with_cors(url.cors, request, response.headers)
    response.headers.append(("x-amzn-requestid", request.request_id))
    return response


async def _invoke(platform: Platform, url: FunctionUrl, request: UrlRequest, trace: str) -> UrlResponse:
    caller = request.caller if url.is_signed else Caller.anonymous()
    call = Call(
        url.ref.scope, caller, platform.endpoint, request.request_id, trace, source_ip=request.source_ip
    )
    if not await may_invoke(platform, url, call):
        return forbidden()
    try:
        event = await aside(len(request.body), _event, url, request, platform.clock.now_ms(), trace)
    except ValueError:
        return error_response(
            400, "InvalidRequestContentException", {"Message": "The query string is malformed."}
        )
    if len(event) > LARGEST_REQUEST:
        return too_large()
    ctx = Context(call, platform)
    try:
        runnable = await find_ready(platform, url.ref)
        if url.streams:
            return await _stream(ctx, runnable, event)
        running = run(platform, runnable, event, request_id=request.request_id, trace=trace)
        result = await with_run_notes(ctx, url.ref, running)
    except AwsError as error:
        return error_response(error.status, error.code, {"Message": error.message})
    if result.error is not None:
        return failed()
    try:
        return await aside(len(result.payload), response_of, result.payload)
    except Malformed:
        return failed()


def _event(url: FunctionUrl, request: UrlRequest, now_ms: int, trace: str) -> bytes:
    """The event's JSON. Raises ValueError for a query string with too many parameters."""
    query: dict[str, list[str]] = {}
    if request.query:
        pairs = parse_qsl(request.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
        for name, value in pairs:
            query.setdefault(name, []).append(value)
    return orjson.dumps(event_of(request, query, url.id, now_ms, is_signed=url.is_signed, trace=trace))


async def _stream(ctx: Context, runnable: Runnable, event: bytes) -> UrlResponse:
    """What the function streams; where it does not stream, its whole answer as it is. Raises AwsError."""
    stream = ResponseStream()
    invoking = await begin_streaming(ctx, runnable, event, stream)
    if not stream.began:
        result = await invoking
        return failed() if result.error is not None else UrlResponse(200, [_JSON], result.payload)
    prelude = Prelude(stream.content_type)
    chunks = stream.chunks()
    body = b""
    try:
        while prelude.response is None:
            body = prelude.take(await anext(chunks))
    except BaseException as failure:
        stream.abandon()
        if isinstance(failure, Malformed | StopAsyncIteration):
            return failed()
        raise
    prelude.response.body, prelude.response.abandon = _rest(body, chunks, invoking), stream.abandon
    return prelude.response


_JSON = ("content-type", "application/json")


class Cut(Exception):
    """The function failed in the middle of its stream, so that the response has no proper end."""


async def _rest(
    first: bytes, chunks: AsyncGenerator[bytes, None], invoking: asyncio.Task[InvokeResult]
) -> AsyncGenerator[bytes, None]:
    """Raises Cut where the function fails."""
    if first:
        yield first
    async for chunk in chunks:
        yield chunk
    if (await result_of_stream(invoking)).error is not None:
        raise Cut
