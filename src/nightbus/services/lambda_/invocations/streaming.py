"""Begins an invocation whose response goes to the client while the function still runs."""

from __future__ import annotations

import asyncio
import logging

from nightbus.aws.errors import AwsError
from nightbus.functions.interface import InvokeResult
from nightbus.functions.logs.reports import failure_payload
from nightbus.functions.runtime_api.response_stream import ResponseStream
from nightbus.services.context import Context
from nightbus.services.lambda_.invocations.running import Runnable, run
from nightbus.services.lambda_.invocations.trace_notes import with_run_notes

log = logging.getLogger("nightbus.lambda")

_STOPPED = "The node has stopped."


async def begin_streaming(
    ctx: Context, runnable: Runnable, event: bytes, stream: ResponseStream, *, client_context: str = ""
) -> asyncio.Task[InvokeResult]:
    """Return when the function begins to stream its response, or has ended. Raises AwsError where it could not run.

    The invocation goes on where the client goes away, as on AWS.
    """
    invoking = ctx.platform.running.detached(_invoke(ctx, runnable, event, stream, client_context))
    invoking.add_done_callback(lambda _: stream.finish())
    try:
        await stream.started.wait()
    except asyncio.CancelledError:
        stream.abandon()
        raise
    if invoking.cancelled():
        raise AwsError("ServiceException", _STOPPED, 500)
    if invoking.done():
        invoking.result()
    return invoking


async def result_of_stream(invoking: asyncio.Task[InvokeResult]) -> InvokeResult:
    """The result of an invocation that has begun to stream; a failure of the node is one of the function's."""
    await asyncio.wait([invoking])  # which does not cancel it where the client goes away
    if invoking.cancelled():
        return _node_failed(_STOPPED)
    failure = invoking.exception()
    if failure is None:
        return invoking.result()
    log.error("an invocation failed while it streamed", exc_info=failure)
    return _node_failed("Internal failure.")


def _node_failed(message: str) -> InvokeResult:
    return InvokeResult(failure_payload("ServiceException", message), "Unhandled", b"", 0.0, "")


async def _invoke(
    ctx: Context, runnable: Runnable, event: bytes, stream: ResponseStream, client_context: str
) -> InvokeResult:
    call = ctx.call
    running = run(
        ctx.platform,
        runnable,
        event,
        request_id=call.request_id,
        client_context=client_context,
        trace=call.trace,
        stream=stream,
    )
    return await with_run_notes(ctx, runnable.ref, running)
