"""Writes down for `nightbus trace` who asked for an invocation, and how it ran.

No invocation depends on it: a note that cannot be written is only logged.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable

from nightbus.aws.errors import AwsError
from nightbus.delivery.trace_log import ran, sent
from nightbus.functions.interface import InvokeResult
from nightbus.services.context import Context, Platform
from nightbus.services.lambda_.invocations.destination_jobs import error_of
from nightbus.services.lambda_.names import FunctionRef
from nightbus.store.interface import Append

log = logging.getLogger("nightbus.lambda")


async def write_notes(platform: Platform, function: str, *entries: Append) -> None:
    try:
        await platform.store.commit(*entries)
    except Exception as error:  # as with a full disk
        log.warning("what %s was called for is not noted: %s", function, error)


def request_notes(ctx: Context, ref: FunctionRef) -> list[Append]:
    """Return the entries that say that the caller asked for this invocation; none if the caller is no function."""
    return sent(ctx.call, ref.arn, [ctx.call.request_id], ctx.now_ms())


async def with_run_notes(ctx: Context, ref: FunctionRef, running: Awaitable[InvokeResult]) -> InvokeResult:
    """Return the result. Where the caller is a function, write notes of how the invocation began and ended."""
    asked, began = request_notes(ctx, ref), ctx.now_ms()
    if not asked:
        return await running
    await write_notes(ctx.platform, ref.arn, *asked)
    try:
        result = await running
    except AwsError as error:
        refused = {"outcome": "failed", "code": error.code, "message": error.message}
        await write_notes(
            ctx.platform, ref.arn, ran(ref.arn, ctx.call.request_id, began, ctx.now_ms(), refused)
        )
        raise
    outcome = {"outcome": "succeeded"} if result.error is None else {"outcome": "failed", **error_of(result)}
    await write_notes(ctx.platform, ref.arn, ran(ref.arn, ctx.call.request_id, began, ctx.now_ms(), outcome))
    return result
