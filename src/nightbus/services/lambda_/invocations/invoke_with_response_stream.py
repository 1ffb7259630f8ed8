"""Answers InvokeWithResponseStream: passes on what the function sends, and says at the end how it went.

A function that does not stream its response is answered with its whole response in one event.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import orjson

from nightbus.aws.replies import EventStream, Reply
from nightbus.functions.interface import InvokeResult
from nightbus.functions.runtime_api.response_stream import ResponseStream
from nightbus.services.context import Context
from nightbus.services.lambda_.invocations.invoke import admitted
from nightbus.services.lambda_.invocations.running import when_ready
from nightbus.services.lambda_.invocations.streaming import begin_streaming, result_of_stream
from nightbus.services.lambda_.names import invoked_ref

_CONTENT_TYPE = "application/vnd.amazon.eventstream"
Event = tuple[str, Mapping[str, Any]]


async def invoke_with_response_stream(
    ctx: Context,
    *,
    function_name: str,
    invocation_type: str = "RequestResponse",
    log_type: str = "None",
    client_context: str | None = None,
    payload: bytes = b"",
    qualifier: str | None = None,
) -> Reply:
    ref = invoked_ref(ctx.scope, function_name, qualifier)
    runnable, event, context = await admitted(ctx, ref, payload, invocation_type, client_context)
    if invocation_type == "DryRun":
        return Reply({"StatusCode": 204}, 204)
    runnable = await when_ready(ctx.platform, runnable)
    stream = ResponseStream()
    invoking = await begin_streaming(ctx, runnable, event, stream, client_context=context)
    output = {
        "StatusCode": 200,
        "ExecutedVersion": runnable.executed_version,
        "ResponseStreamContentType": _CONTENT_TYPE,
        "EventStream": EventStream(_events(stream, invoking, with_log=log_type == "Tail")),
    }
    return Reply(output, 200)


async def _events(
    stream: ResponseStream, invoking: asyncio.Task[InvokeResult], *, with_log: bool
) -> AsyncGenerator[Event, None]:
    try:
        async for chunk in stream.chunks():
            yield "PayloadChunk", {"Payload": chunk}
        result = await result_of_stream(invoking)
        if not stream.began:
            yield "PayloadChunk", {"Payload": result.payload}
        yield "InvokeComplete", _completion(result, with_log=with_log)
    finally:
        stream.abandon()


def _completion(result: InvokeResult, *, with_log: bool) -> dict[str, str]:
    completion = {}
    if result.error is not None:
        completion = {
            "ErrorCode": _error_code(result),
            "ErrorDetails": result.payload.decode("utf-8", "replace"),
        }
    if with_log:
        completion["LogResult"] = base64.b64encode(result.log_tail).decode()
    return completion


def _error_code(result: InvokeResult) -> str:
    """The type of the function's error, else "Unhandled"."""
    try:
        details = orjson.loads(result.payload)
    except ValueError:
        details = None
    kind = details.get("errorType") if isinstance(details, dict) else None
    return kind if isinstance(kind, str) and kind else str(result.error)
