"""Plans which existing resources a change set takes into its stack.

With the type IMPORT the request names them with their identifiers; with ImportExistingResources they are those that the
template names itself, and that exist in no stack.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.operation_start import stack_records
from nightbus.services.context import Context
from nightbus.stacks.interface import ReadsState, ResourceContext
from nightbus.stacks.live_state import identified_properties, physical_id_of
from nightbus.stacks.records import ChangeSet, Deployment, Stack
from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.stacks.resources.outcomes import is_gone
from nightbus.stacks.schemas import primary_identifier
from nightbus.stacks.templates.template import Template

_KEEPING = frozenset({"Retain", "RetainExceptOnCreate"})


async def plan_imports(
    ctx: Context,
    change_set: ChangeSet,
    stack: Stack,
    deployment: Deployment,
    requested: Sequence[Mapping[str, Any]],
) -> None:
    """Make imports of the additions among the change set's changes. Raises AwsError for what cannot be imported."""
    additions = {
        one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"]
        for one in change_set.changes
        if one["ResourceChange"]["Action"] == "Add"
    }
    declared = Template(deployment.processed).resources
    if change_set.kind == "IMPORT":
        wanted = _checked(change_set, additions, declared, requested)
    elif change_set.import_existing:
        wanted = await _existing(ctx, stack, additions, declared)
    else:
        return
    for name, identifier in wanted.items():
        change = additions[name]
        kind = RESOURCE_TYPES[change["ResourceType"]]
        change |= {"Action": "Import", "PhysicalResourceId": physical_id_of(kind, identifier)}
        await _refuse_owned(ctx, change["ResourceType"], change["PhysicalResourceId"])
    change_set.imports = wanted


def _checked(
    change_set: ChangeSet,
    additions: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
    requested: Sequence[Mapping[str, Any]],
) -> dict[str, dict[str, str]]:
    """Return the requested identifiers by logical id."""
    wanted = {one["LogicalResourceId"]: one for one in requested}
    if not wanted:
        raise _invalid("ResourcesToImport must be specified for a change set of type IMPORT.")
    others = [one["ResourceChange"]["LogicalResourceId"] for one in change_set.changes]
    others = sorted(name for name in others if name not in wanted)
    missing = sorted(set(additions) - set(wanted))
    if missing:
        raise _invalid(f"Resources [{', '.join(missing)}] is missing from ResourceToImport list")
    if others:
        raise _invalid(
            "As part of the import operation, you cannot modify or add [" + ", ".join(others) + "]"
        )
    for name, one in wanted.items():
        if name not in additions:
            raise _invalid(f"Resource [{name}] to import is not a new resource of the template")
        kind = additions[name]["ResourceType"]
        if one["ResourceType"] != kind:
            raise _invalid(f"Resource type of [{name}] is {kind} in the template, not {one['ResourceType']}")
        if not isinstance(RESOURCE_TYPES[kind], ReadsState) or not primary_identifier(kind):
            raise _invalid(f"ResourceTypes [{kind}] are not supported for Import")
        names = primary_identifier(kind)
        if set(one["ResourceIdentifier"]) != set(names):
            raise _invalid(f"Resource identifier of [{name}] must have exactly the keys [{', '.join(names)}]")
        if "DeletionPolicy" not in declared[name]:
            raise _invalid(f"Resources to import must have a DeletionPolicy attribute: [{name}] has none")
    return {
        name: {key: one["ResourceIdentifier"][key] for key in primary_identifier(one["ResourceType"])}
        for name, one in wanted.items()
    }


async def _existing(
    ctx: Context,
    stack: Stack,
    additions: Mapping[str, Mapping[str, Any]],
    declared: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, str]]:
    """Return the identifiers of the additions that exist already."""
    found: dict[str, dict[str, str]] = {}
    for name, change in additions.items():
        kind = RESOURCE_TYPES[change["ResourceType"]]
        if not isinstance(kind, ReadsState):
            continue
        identifier = await _named(ctx, kind.type_name, declared[name].get("Properties") or {})
        if identifier is None or not await exists(ctx, stack, name, kind.type_name, identifier):
            continue
        if declared[name].get("DeletionPolicy") not in _KEEPING:
            raise _invalid(
                f"Resource [{name}] exists already; to import it, its DeletionPolicy must be Retain or "
                "RetainExceptOnCreate"
            )
        found[name] = identifier
    return found


async def exists(
    ctx: Context, stack: Stack, name: str, type_name: str, identifier: Mapping[str, str]
) -> bool:
    within = ResourceContext(
        ctx.call, ctx.platform.operations, ctx.platform.clock, stack.id, stack.name, name
    )
    return await identified_properties(RESOURCE_TYPES[type_name], identifier, within) is not None


async def _named(ctx: Context, type_name: str, properties: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the identifier of a resource whose name is in the template; None for another one."""
    finder = _BY_NAME.get(type_name)
    if finder is not None:
        property_name, find = finder
        name = properties.get(property_name)
        return await find(ctx, name) if isinstance(name, str) else None
    names = primary_identifier(type_name)
    values = {name: properties[name] for name in names if isinstance(properties.get(name), str)}
    return values if names and len(values) == len(names) else None


async def _topic(ctx: Context, name: str) -> dict[str, str] | None:
    return {"TopicArn": ctx.arn("sns", name)}


async def _queue(ctx: Context, name: str) -> dict[str, str] | None:
    try:
        return {"QueueUrl": str((await ctx.operation("sqs", "GetQueueUrl", QueueName=name))["QueueUrl"])}
    except AwsError as error:
        if is_gone(error) or "NonExistentQueue" in error.code:
            return None
        raise


# The types whose identifier is not the name in the template: the property of the name, and how it is found.
_BY_NAME: Mapping[str, tuple[str, Callable[[Context, str], Awaitable[dict[str, str] | None]]]] = {
    "AWS::SNS::Topic": ("TopicName", _topic),
    "AWS::SQS::Queue": ("QueueName", _queue),
}


async def _refuse_owned(ctx: Context, type_name: str, physical_id: str) -> None:
    for stack in await stack_records(ctx).stacks():
        if stack.status == "DELETE_COMPLETE":
            continue
        for resource in (await stack_records(ctx).resources(stack)).values():
            kept = resource.status.startswith("DELETE")
            if resource.type == type_name and resource.physical_id == physical_id and not kept:
                raise _invalid(
                    f"{type_name} with identifier {physical_id} already belongs to stack {stack.id}"
                )


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", message)
