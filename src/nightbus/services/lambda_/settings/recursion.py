"""Stops functions that invoke themselves without end, by the lineage in the trace header of what invokes them.

As on AWS, a function is not invoked again by what came of its own 16th invocation, over queues, topics and other
functions. EventBridge does not pass the lineage on, so a loop over a bus is not stopped.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.trace_header import invocations_before
from nightbus.services.context import Context
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.records import FUNCTION, require_function
from nightbus.store.interface import PutRecord, Record

RECURSIVE = "RecursiveInvocationException"
_MOST = 16
_MEMBER = "recursive_loop"  # of a function's record; it is missing for the default
_TERMINATE = "Terminate"


async def get_function_recursion_config(ctx: Context, *, function_name: str) -> dict[str, Any]:
    function = await require_function(ctx, function_ref(ctx.scope, function_name))
    return {"RecursiveLoop": _setting(function)}


async def put_function_recursion_config(
    ctx: Context, *, function_name: str, recursive_loop: str
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    function = await require_function(ctx, ref)
    value = function.value | {_MEMBER: recursive_loop}
    await ctx.store.commit(PutRecord(ref.scope, FUNCTION, ref.name, value, expect=function.revision))
    return {"RecursiveLoop": recursive_loop}


def is_recursive(ref: FunctionRef, function: Record, trace: str) -> bool:
    """Return whether an invocation with this trace header is stopped."""
    return invocations_before(trace, ref.arn) >= _MOST and _setting(function) == _TERMINATE


def recursive_invocation(ref: FunctionRef) -> AwsError:
    return AwsError(
        RECURSIVE,
        f"Lambda has stopped a recursive loop: {ref.arn} was invoked {_MOST} times by its own doing.",
        400,
        fields={"Type": "User"},
    )


def _setting(function: Record) -> str:
    return str(function.value.get(_MEMBER, _TERMINATE))
