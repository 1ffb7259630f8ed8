"""Puts, gets and deletes reserved concurrency, and answers GetAccountSettings."""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context
from nightbus.services.lambda_.concurrency.totals import allocated, provisioned_of, unreserved_least
from nightbus.services.lambda_.errors import invalid_parameter_value
from nightbus.services.lambda_.names import FunctionRef, function_ref
from nightbus.services.lambda_.records import FUNCTION, require_function
from nightbus.store.interface import PutRecord


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
    limit = ctx.platform.running.limit
    size = sum(record.value["latest"]["config"]["CodeSize"] for record in functions)
    return {
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": limit,
            "UnreservedConcurrentExecutions": limit - await allocated(ctx.store, ctx.scope),
        },
        "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(functions)},
    }


async def _set(ctx: Context, ref: FunctionRef, reserved: int | None) -> None:
    record = await require_function(ctx, ref)
    if reserved is not None:
        others = await allocated(ctx.store, ref.scope, but=ref.name)
        limit = ctx.platform.running.limit
        if limit - others - reserved < unreserved_least(limit):
            raise invalid_parameter_value(
                "Specified ReservedConcurrentExecutions for function decreases account's "
                f"UnreservedConcurrentExecution below its minimum value of [{unreserved_least(limit)}]."
            )
        provisioned = await provisioned_of(ctx.store, ref.scope, ref.name)
        if reserved < provisioned:
            raise invalid_parameter_value(
                f"ReservedConcurrentExecutions  {reserved} should not be lower than function's total provisioned "
                f"concurrency [{provisioned}]."
            )
    value = record.value | {"reserved": reserved}
    await ctx.store.commit(PutRecord(ref.scope, FUNCTION, ref.name, value, expect=record.revision))
