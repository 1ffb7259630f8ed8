"""Puts, gets and deletes reserved concurrency, and answers GetAccountSettings."""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context
from nightbus.services.lambda_.errors import invalid_parameter_value
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.records import FUNCTION, require_function
from nightbus.store.interface import PutRecord

ACCOUNT_LIMIT = 1000
_UNRESERVED_LEAST = 100


async def put_function_concurrency(
    ctx: Context, *, function_name: str, reserved_concurrent_executions: int
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    await _set(ctx, ref, reserved_concurrent_executions)
    return {"ReservedConcurrentExecutions": reserved_concurrent_executions}


async def get_function_concurrency(ctx: Context, *, function_name: str) -> dict[str, Any]:
    record = await require_function(ctx, function_ref(ctx.scope, function_name))
    return {"ReservedConcurrentExecutions": record.value["reserved"]}


async def delete_function_concurrency(ctx: Context, *, function_name: str) -> None:
    await _set(ctx, function_ref(ctx.scope, function_name), None)


async def get_account_settings(ctx: Context) -> dict[str, Any]:
    functions = await ctx.store.list(ctx.scope, FUNCTION)
    reserved = sum(record.value["reserved"] or 0 for record in functions)
    size = sum(record.value["latest"]["config"]["CodeSize"] for record in functions)
    return {
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": ACCOUNT_LIMIT,
            "UnreservedConcurrentExecutions": ACCOUNT_LIMIT - reserved,
        },
        "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(functions)},
    }


async def _set(ctx: Context, ref: FunctionRef, reserved: int | None) -> None:
    record = await require_function(ctx, ref)
    reserved_by_others = sum(
        other.value["reserved"] or 0
        for other in await ctx.store.list(ref.scope, FUNCTION)
        if other.key != ref.name
    )
    if reserved is not None and ACCOUNT_LIMIT - reserved_by_others - reserved < _UNRESERVED_LEAST:
        raise invalid_parameter_value(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            f"UnreservedConcurrentExecution below its minimum value of [{_UNRESERVED_LEAST}]."
        )
    value = record.value | {"reserved": reserved}
    await ctx.store.commit(PutRecord(ref.scope, FUNCTION, ref.name, value, expect=record.revision))
