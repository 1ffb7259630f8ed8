"""Answers Invoke: runs the function and returns its result, or queues the event, or only checks (DryRun)."""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import replace
from typing import Any

import orjson

from nightbus.aws.replies import ByteStream, Reply
from nightbus.aws.threads import LONG_TEXT
from nightbus.functions.interface import InvokeResult
from nightbus.services.context import Context
from nightbus.services.lambda_.access.permissions import authorize
from nightbus.services.lambda_.errors import too_large, unreadable_payload
from nightbus.services.lambda_.invocations.queued import QueuedInvocation, enqueue
from nightbus.services.lambda_.invocations.running import Runnable, find_runnable, run, when_ready
from nightbus.services.lambda_.invocations.trace_notes import request_notes, with_run_notes
from nightbus.services.lambda_.names import FunctionRef, invoked_ref

_LIMITS = {"RequestResponse": 6_291_456, "Event": 1_048_576, "DryRun": 6_291_456}
_LONGEST_CONTEXT = 3583
_STACKS = "cloudformation.amazonaws.com"


async def invoke(
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
        return Reply({"StatusCode": 204, "Payload": b""}, 204)
    if invocation_type == "Event":
        accepted = QueuedInvocation.taken(ref, ctx.call.request_id, event, ctx.now_ms(), ctx.call.trace)
        if _is_of_stack(ctx):
            accepted = replace(accepted, sealed=await asyncio.to_thread(ctx.platform.vault.seal, event))
        await ctx.store.commit(enqueue(accepted), *request_notes(ctx, ref))
        return Reply({"StatusCode": 202, "Payload": b""}, 202)
    runnable = await when_ready(ctx.platform, runnable)
    result = await with_run_notes(ctx, ref, _run(ctx, runnable, event, context))
    return _answer(runnable, result, with_log=log_type == "Tail")


async def invoke_async(ctx: Context, *, function_name: str, invoke_args: Any) -> Reply:
    """The deprecated operation before `InvocationType: Event`."""
    event = await invoke_args.read() if isinstance(invoke_args, ByteStream) else invoke_args
    await invoke(ctx, function_name=function_name, invocation_type="Event", payload=event)
    return Reply({"Status": 202}, 202)


def _is_of_stack(ctx: Context) -> bool:
    """Return whether the event is that of a custom resource: its link and its properties may be secrets."""
    return ctx.caller.service == _STACKS or _STACKS.partition(".")[0] in ctx.call.via


async def _run(ctx: Context, runnable: Runnable, event: bytes, client_context: str) -> InvokeResult:
    call = ctx.call
    return await run(
        ctx.platform,
        runnable,
        event,
        request_id=call.request_id,
        client_context=client_context,
        trace=call.trace,
    )


def _answer(runnable: Runnable, result: InvokeResult, with_log: bool) -> Reply:
    output: dict[str, Any] = {
        "StatusCode": 200,
        "ExecutedVersion": runnable.executed_version,
        "FunctionError": result.error,
        "Payload": result.payload,
    }
    if with_log:
        output["LogResult"] = base64.b64encode(result.log_tail).decode()
    return Reply(output, 200)


async def admitted(
    ctx: Context, ref: FunctionRef, payload: bytes | str, invocation_type: str, client_context: str | None
) -> tuple[Runnable, bytes, str]:
    """Return the version, the event and the client context of an invocation that the caller may ask for.

    Raises AwsError in AWS's order: for the size, the function, the permission, the event and the context.
    """
    event = payload.encode() if isinstance(payload, str) else bytes(payload)
    check_event_size(len(event), invocation_type)
    runnable = await find_runnable(ctx.platform.invocables, ref)
    await authorize(ctx, ref)
    return runnable, check_payload(event, invocation_type), decoded_client_context(client_context)


def check_event_size(size: int, invocation_type: str) -> None:
    limit = _LIMITS[invocation_type]
    if size <= limit:
        return
    if invocation_type == "Event":
        raise too_large(
            f"{size} byte payload is too large for the Event invocation type (limit {limit} bytes)"
        )
    raise too_large(f"Request must be smaller than {limit} bytes for the InvokeFunction operation")


def check_payload(event: bytes, invocation_type: str, *, is_json: bool = False) -> bytes:
    """Return the event that the function gets. Raises AwsError if it is too large or not JSON.

    `is_json` skips the check that it is JSON, for an event that is known to be.
    """
    check_event_size(len(event), invocation_type)
    if not event:
        return b"{}"
    if is_json:
        return event
    try:
        if len(event) <= LONG_TEXT:
            orjson.loads(event)
        else:
            _check_long_json(event)
    except ValueError as broken:
        raise unreadable_payload(f"Could not parse request body into json: {broken}") from None
    return event


def decoded_client_context(encoded: str | None) -> str:
    """Return the client context as JSON text, the form in which an execution environment gets it."""
    if not encoded:
        return ""
    if len(encoded) > _LONGEST_CONTEXT:
        raise unreadable_payload(f"Client context must be no more than {_LONGEST_CONTEXT} bytes.")
    try:
        context = orjson.loads(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        raise unreadable_payload("Client context must be a valid Base64-encoded JSON object.") from None
    return orjson.dumps(context).decode()  # on one line, unlike perhaps the client's


def _check_long_json(event: bytes) -> None:
    """Without building values, which takes a tenth of the time. Raises ValueError."""
    import msgspec

    event.decode()
    try:
        msgspec.json.decode(event, type=msgspec.Raw)
    except msgspec.DecodeError as broken:
        raise ValueError(str(broken)) from None
