"""Puts, gets, lists and deletes provisioned concurrency: environments of a version that are kept ready.

A record has what was asked for; how far the node has come is asked of the environments themselves.
https://docs.aws.amazon.com/lambda/latest/dg/provisioned-concurrency.html
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.functions.interface import ProvisionedState
from nightbus.services.context import Context
from nightbus.services.lambda_.concurrency.ready_environments import targets_of
from nightbus.services.lambda_.concurrency.totals import allocated, provisioned_of, unreserved_least
from nightbus.services.lambda_.errors import conflict, invalid_parameter_value
from nightbus.services.lambda_.names import LATEST, FunctionRef, function_ref
from nightbus.services.lambda_.records import (
    ALIAS,
    PROVISIONED,
    function_requirements,
    qualified_key,
    require_version,
)
from nightbus.services.lambda_.settings.snap_start import refuse_provisioned
from nightbus.services.lambda_.shapes import last_modified_text, paged
from nightbus.store.interface import DeleteRecord, PutRecord, Record


async def put_provisioned_concurrency_config(
    ctx: Context, *, function_name: str, qualifier: str, provisioned_concurrent_executions: int
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name, qualifier)
    function, version = await require_version(ctx, ref)
    if version["config"]["Version"] == LATEST:
        raise invalid_parameter_value(
            "Provisioned Concurrency Configs cannot be applied to unpublished function versions."
        )
    refuse_provisioned(version["config"])
    await _refuse_two_configs(ctx, ref)
    await _check_room(ctx, ref, function, provisioned_concurrent_executions)
    value = {
        "requested": provisioned_concurrent_executions,
        "modified": ctx.now_ms(),
        "qualifier": ref.qualifier,
    }
    put = PutRecord(ref.scope, PROVISIONED, qualified_key(ref.name, ref.qualifier), value)
    await ctx.store.commit(*await function_requirements(ctx, ref), put)
    return _described(value, ProvisionedState(0, 0, ""))


async def get_provisioned_concurrency_config(
    ctx: Context, *, function_name: str, qualifier: str
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name, qualifier)
    record = await _require(ctx, ref)
    return await _described_now(ctx, ref, record)


async def delete_provisioned_concurrency_config(ctx: Context, *, function_name: str, qualifier: str) -> None:
    ref = function_ref(ctx.scope, function_name, qualifier)
    record = await _require(ctx, ref)
    await ctx.store.commit(DeleteRecord(ref.scope, PROVISIONED, record.key, expect=record.revision))


async def list_provisioned_concurrency_configs(
    ctx: Context, *, function_name: str, marker: str | None = None, max_items: int | None = None
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    await require_version(ctx, ref)
    configs = []
    for record in await ctx.store.list(ref.scope, PROVISIONED, prefix=f"{ref.name}:"):
        qualified = FunctionRef(ref.scope, ref.name, record.value["qualifier"])
        described = await _described_now(ctx, qualified, record)
        configs.append((record.key, {"FunctionArn": qualified.qualified_arn, **described}))
    page_items, token = paged(configs, marker, max_items)
    return {"ProvisionedConcurrencyConfigs": page_items, "NextMarker": token}


async def _require(ctx: Context, ref: FunctionRef) -> Record:
    await require_version(ctx, ref)
    record = await ctx.store.get(ref.scope, PROVISIONED, qualified_key(ref.name, ref.qualifier))
    if record is None:
        raise AwsError(
            "ProvisionedConcurrencyConfigNotFoundException",
            "No Provisioned Concurrency Config found for this function",
            404,
            fields={"Type": "User"},
        )
    return record


async def _refuse_two_configs(ctx: Context, ref: FunctionRef) -> None:
    """Raise AwsError where an alias and its version would both have provisioned concurrency."""
    alias = await ctx.store.get(ref.scope, ALIAS, qualified_key(ref.name, ref.qualifier))
    if alias is not None:
        for version in (alias.value["FunctionVersion"], *alias.value["weights"]):
            if await ctx.store.get(ref.scope, PROVISIONED, qualified_key(ref.name, version)) is not None:
                raise conflict(
                    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version"
                )
        return
    for other in await ctx.store.list(ref.scope, ALIAS, prefix=f"{ref.name}:"):
        points = ref.qualifier in (other.value["FunctionVersion"], *other.value["weights"])
        if points and await ctx.store.get(ref.scope, PROVISIONED, other.key) is not None:
            raise conflict("Version is pointed by a Provisioned Concurrency alias")


async def _check_room(ctx: Context, ref: FunctionRef, function: Record, count: int) -> None:
    key = qualified_key(ref.name, ref.qualifier)
    total = count + await provisioned_of(ctx.store, ref.scope, ref.name, but=key)
    reserved, limit = function.value["reserved"], ctx.platform.running.limit
    if reserved is not None and total > reserved:
        raise invalid_parameter_value(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
        )
    others = await allocated(ctx.store, ref.scope, but=ref.name)
    if reserved is None and limit - others - total < unreserved_least(limit):
        raise invalid_parameter_value(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{unreserved_least(limit)}]."
        )


async def _described_now(ctx: Context, ref: FunctionRef, record: Record) -> dict[str, Any]:
    targets = await targets_of(ctx.platform, ref, int(record.value["requested"]))
    states = [ctx.platform.functions.provisioned(one.spec) for one in targets]
    state = ProvisionedState(
        sum(one.allocated for one in states),
        sum(one.available for one in states),
        next((one.failure for one in states if one.failure), ""),
    )
    return _described(record.value, state)


def _described(value: dict[str, Any], state: ProvisionedState) -> dict[str, Any]:
    requested = value["requested"]
    described = {
        "RequestedProvisionedConcurrentExecutions": requested,
        "AllocatedProvisionedConcurrentExecutions": min(state.allocated, requested),
        "AvailableProvisionedConcurrentExecutions": min(state.available, requested),
        "LastModified": last_modified_text(value["modified"]),
        "Status": "READY" if state.available >= requested else "IN_PROGRESS",
    }
    if state.failure and state.available < requested:
        described |= {"Status": "FAILED", "StatusReason": state.failure}
    return described
