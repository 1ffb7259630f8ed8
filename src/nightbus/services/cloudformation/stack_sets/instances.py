"""Creates, updates, deletes, describes and lists the instances of stack sets: stacks in accounts and regions."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.pagination import page
from nightbus.services.cloudformation.shapes import BAD_TOKEN, wire_time
from nightbus.services.cloudformation.stack_sets.operations import begin
from nightbus.services.cloudformation.stack_sets.records import (
    INSTANCE,
    Instance,
    StackSet,
    find_set,
    instance_key,
    instances_with_revisions,
    opened_map,
    put_instance,
    sealed_map,
    set_instances,
)
from nightbus.services.cloudformation.stack_sets.targets import checked_regions, chosen_accounts, invalid
from nightbus.services.context import Context
from nightbus.stacks.templates.parameters import MASK, is_secret
from nightbus.stacks.templates.template import Template, read_template

_PAGE = 100
_MOST_INSTANCES = 2000  # of a set


async def create_stack_instances(
    ctx: Context,
    *,
    stack_set_name: str,
    accounts: list[str] | None = None,
    deployment_targets: dict[str, Any] | None = None,
    regions: list[str],
    parameter_overrides: list[dict[str, Any]] | None = None,
    operation_preferences: dict[str, Any] | None = None,
    operation_id: str | None = None,
) -> dict[str, Any]:
    stack_set, record = await find_set(ctx, stack_set_name)
    targets = _targets(accounts, deployment_targets, regions)
    await _check_overrides(stack_set, parameter_overrides)
    known = await instances_with_revisions(ctx, stack_set.name)
    _refuse_too_many(stack_set, known.keys() | set(targets))
    puts = []
    for account, region in targets:
        instance, revision = known.get((account, region), (Instance(account, region), 0))
        before = await opened_map(ctx.platform.vault, instance.overrides)
        instance.overrides = await sealed_map(
            ctx.platform.vault, _overridden(parameter_overrides or [], before)
        )
        puts.append(put_instance(ctx.scope, stack_set.name, instance, revision))
    return await begin(
        ctx, stack_set, record.revision, "CREATE", targets, operation_preferences, operation_id, *puts
    )


async def update_stack_instances(
    ctx: Context,
    *,
    stack_set_name: str,
    accounts: list[str] | None = None,
    deployment_targets: dict[str, Any] | None = None,
    regions: list[str],
    parameter_overrides: list[dict[str, Any]] | None = None,
    operation_preferences: dict[str, Any] | None = None,
    operation_id: str | None = None,
) -> dict[str, Any]:
    stack_set, record = await find_set(ctx, stack_set_name)
    targets = _targets(accounts, deployment_targets, regions)
    await _check_overrides(stack_set, parameter_overrides)
    known = await instances_with_revisions(ctx, stack_set.name)
    puts = []
    for account, region in targets:
        if (account, region) not in known:
            raise no_such_instance(stack_set, account, region)
        instance, revision = known[account, region]
        if parameter_overrides is not None:
            before = await opened_map(ctx.platform.vault, instance.overrides)
            values = _overridden(parameter_overrides, before)
            instance.overrides = await sealed_map(ctx.platform.vault, values)
            puts.append(put_instance(ctx.scope, stack_set.name, instance, revision))
    return await begin(
        ctx, stack_set, record.revision, "UPDATE", targets, operation_preferences, operation_id, *puts
    )


async def delete_stack_instances(
    ctx: Context,
    *,
    stack_set_name: str,
    accounts: list[str] | None = None,
    deployment_targets: dict[str, Any] | None = None,
    regions: list[str],
    operation_preferences: dict[str, Any] | None = None,
    retain_stacks: bool,
    operation_id: str | None = None,
) -> dict[str, Any]:
    stack_set, record = await find_set(ctx, stack_set_name)
    known = {
        (one.account, one.region) for one in await set_instances(ctx.platform, ctx.scope, stack_set.name)
    }
    targets = [one for one in _targets(accounts, deployment_targets, regions) if one in known]
    return await begin(
        ctx,
        stack_set,
        record.revision,
        "DELETE",
        targets,
        operation_preferences,
        operation_id,
        retain=retain_stacks,
    )


def _targets(
    accounts: list[str] | None, deployment_targets: dict[str, Any] | None, regions: list[str]
) -> list[tuple[str, str]]:
    chosen, places = chosen_accounts(accounts, deployment_targets), checked_regions(regions)
    if not chosen or not places:
        raise invalid("You must specify at least one account and one region")
    return [(account, region) for region in places for account in chosen]


def _refuse_too_many(stack_set: StackSet, instances: Set[tuple[str, str]]) -> None:
    """Each result of an operation rewrites the operation's record, which has all of them."""
    if len(instances) > _MOST_INSTANCES:
        text = f"StackSet {stack_set.id} may have at most {_MOST_INSTANCES} stack instances"
        raise AwsError("LimitExceededException", text, 400)


async def _check_overrides(stack_set: StackSet, overrides: list[dict[str, Any]] | None) -> None:
    declared = read_template(stack_set.template).parameters
    for one in overrides or ():
        if one.get("ParameterKey") not in declared:
            raise invalid(f"Parameters: [{one.get('ParameterKey')}] do not exist in the template")


def _overridden(overrides: list[dict[str, Any]], before: dict[str, str]) -> dict[str, str]:
    values = {}
    for one in overrides:
        key = str(one["ParameterKey"])
        if not one.get("UsePreviousValue"):
            values[key] = str(one.get("ParameterValue", ""))
        elif key in before:
            values[key] = before[key]
    return values


def no_such_instance(stack_set: StackSet, account: str, region: str) -> AwsError:
    text = f"Stack instance {stack_set.id}/{account}/{region} not found"
    return AwsError("StackInstanceNotFoundException", text, 404)


async def find_instance(ctx: Context, stack_set: StackSet, account: str, region: str) -> Instance:
    record = await ctx.store.get(ctx.scope, INSTANCE, instance_key(stack_set.name, account, region))
    if record is None:
        raise no_such_instance(stack_set, account, region)
    return Instance(**record.value)


async def describe_stack_instance(
    ctx: Context, *, stack_set_name: str, stack_instance_account: str, stack_instance_region: str
) -> dict[str, Any]:
    stack_set, _ = await find_set(ctx, stack_set_name)
    instance = await find_instance(ctx, stack_set, stack_instance_account, stack_instance_region)
    declared = Template(read_template(stack_set.template).document).parameters
    overrides = await opened_map(ctx.platform.vault, instance.overrides)
    shown = [
        {"ParameterKey": key, "ParameterValue": MASK if is_secret(declared.get(key, {})) else value}
        for key, value in overrides.items()
    ]
    return {"StackInstance": {**_shape(stack_set, instance), "ParameterOverrides": shown}}


async def list_stack_instances(
    ctx: Context,
    *,
    stack_set_name: str,
    next_token: str | None = None,
    max_results: int | None = None,
    filters: list[dict[str, str]] | None = None,
    stack_instance_account: str | None = None,
    stack_instance_region: str | None = None,
) -> dict[str, Any]:
    stack_set, _ = await find_set(ctx, stack_set_name)
    instances = [
        one
        for one in await set_instances(ctx.platform, ctx.scope, stack_set.name)
        if stack_instance_account in (None, one.account)
        and stack_instance_region in (None, one.region)
        and all(_passes(one, wanted) for wanted in filters or ())
    ]
    chosen, token = page(
        instances, lambda one: f"{one.account}/{one.region}", max_results or _PAGE, next_token, BAD_TOKEN
    )
    return {"Summaries": [_shape(stack_set, one) for one in chosen], "NextToken": token}


def _passes(instance: Instance, wanted: dict[str, str]) -> bool:
    value = {
        "DETAILED_STATUS": instance.detailed,
        "LAST_OPERATION_ID": instance.operation,
        "DRIFT_STATUS": instance.drift_status,
    }[wanted["Name"]]
    return value in str(wanted.get("Values", "")).split(",")


def _shape(stack_set: StackSet, instance: Instance) -> dict[str, Any]:
    outdated = instance.status == "CURRENT" and instance.version != stack_set.version
    return {
        "StackSetId": stack_set.id,
        "Account": instance.account,
        "Region": instance.region,
        "StackId": instance.stack_id or None,
        "Status": "OUTDATED" if outdated else instance.status,
        "StackInstanceStatus": {"DetailedStatus": instance.detailed},
        "StatusReason": instance.reason or None,
        "DriftStatus": instance.drift_status,
        "LastDriftCheckTimestamp": wire_time(instance.drift_time),
        "LastOperationId": instance.operation or None,
    }
