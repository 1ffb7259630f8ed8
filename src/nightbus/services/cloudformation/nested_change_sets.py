"""Makes the change sets of nested stacks, for a change set with IncludeNestedStacks, and ends them with their root.

Each nested stack that the change set would create or update has a change set of its own, with those of its own nested
stacks below. A nested stack that does not exist yet is in REVIEW_IN_PROGRESS until the root is executed, and becomes
that of the resource then (`Stack.planned_names`), or until the root is deleted or has ended without it. Only the root
is executed: its operation creates and updates the nested stacks as one without nested change sets does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.operation_start import stack_records
from nightbus.services.context import Context
from nightbus.stacks.planning.plan import NO_CHANGES
from nightbus.stacks.records import (
    CHANGE_SET,
    ChangeSet,
    Stack,
    put_change_set,
)
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.tags import tag_map
from nightbus.stacks.resources.values import text
from nightbus.stacks.templates.expressions import UNKNOWN
from nightbus.store.interface import Change, DeleteRecord

_LONGEST_NAME = 128
_LATER = "{{IntrinsicFunction:KNOWN_AFTER_APPLY}}"
_SERVICE = "cloudformation.amazonaws.com"


async def make_nested(
    ctx: Context, change_set: ChangeSet, stack: Stack, nested: Mapping[str, Mapping[str, Any]]
) -> None:
    """Make the change sets of the nested stacks among the changes, and store the change set with their ids.

    `nested` has the properties of these stacks by logical id. A failure of one makes the change set fail.
    """
    changes = {one["ResourceChange"]["LogicalResourceId"]: one for one in change_set.changes}
    for name, properties in nested.items():
        change = changes[name]["ResourceChange"]
        existing = change.get("PhysicalResourceId")
        child_name = existing or generated_name(stack.name, name, _LONGEST_NAME)
        try:
            child = await _make_one(ctx, change_set, stack, properties, child_name, is_new=not existing)
        except AwsError as refused:
            _fail(change_set, f"Nested change set of {name} was not successfully created: {refused.message}")
            continue
        change["ChangeSetId"] = child.id
        change_set.nested.append(child.key)
        if not existing:
            change_set.planned_names[name] = child_name
        if child.status == "FAILED" and child.status_reason != NO_CHANGES:
            _fail(
                change_set, f"Nested change set {child.id} was not successfully created: Currently in FAILED."
            )
    await _set_root(ctx, change_set, change_set.id)
    await ctx.store.commit(put_change_set(ctx.scope, change_set))


def _fail(change_set: ChangeSet, reason: str) -> None:
    change_set.status, change_set.execution_status, change_set.status_reason = "FAILED", "UNAVAILABLE", reason


async def _make_one(
    ctx: Context,
    parent: ChangeSet,
    stack: Stack,
    properties: Mapping[str, Any],
    name: str,
    *,
    is_new: bool,
) -> ChangeSet:
    caller = replace(ctx.caller, service=_SERVICE, source_arn=stack.id)
    params = {
        "StackName": name,
        "ChangeSetName": parent.name,
        "ChangeSetType": "CREATE" if is_new else "UPDATE",
        "TemplateURL": _known(properties["TemplateURL"]),
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": _known(value)}
            for key, value in (properties.get("Parameters") or {}).items()
        ],
        "Tags": [
            {"Key": key, "Value": value}
            for key, value in {**parent.tags, **tag_map(properties.get("Tags") or [])}.items()
        ],
        "Capabilities": parent.capabilities,
        "IncludeNestedStacks": True,
    }
    reply = await ctx.platform.operations.call(
        "cloudformation", "CreateChangeSet", params, replace(ctx.call, caller=caller)
    )
    stored = await stack_records(ctx).change_set(str(reply["Id"]).split(":changeSet/", 1)[1])
    assert stored is not None  # it was just made
    return stored.value


def _known(value: Any) -> str:
    """Return the value as a parameter's text. What is known only when the stack is made has a placeholder."""
    if value is UNKNOWN:
        return _LATER
    return ",".join(_known(one) for one in value) if isinstance(value, list) else text(value)


async def _set_root(ctx: Context, change_set: ChangeSet, root: str) -> None:
    for key in change_set.nested:
        stored = await stack_records(ctx).change_set(key)
        if stored is not None:
            stored.value.parent, stored.value.root = change_set.id, root
            await ctx.store.commit(put_change_set(ctx.scope, stored.value))
            await _set_root(ctx, stored.value, root)


def refuse_nested(change_set: ChangeSet, verb: str) -> None:
    """Raise AwsError for a change set that its root is executed or deleted with."""
    if change_set.root:
        raise AwsError(
            "InvalidChangeSetStatus",
            f"ChangeSet [{change_set.id}] cannot be {verb} directly: it belongs to root change set {change_set.root}",
        )


async def descendants(ctx: Context, change_set: ChangeSet) -> list[ChangeSet]:
    """Return the change sets below this one, at any depth."""
    found: list[ChangeSet] = []
    for key in change_set.nested:
        stored = await stack_records(ctx).change_set(key)
        if stored is not None:
            found += [stored.value, *await descendants(ctx, stored.value)]
    return found


async def begun(ctx: Context, change_set: ChangeSet) -> list[Change]:
    """Return the changes that set all below as executed with their root."""
    changes: list[Change] = []
    for child in await descendants(ctx, change_set):
        if child.execution_status == "AVAILABLE":
            child.execution_status = "EXECUTE_COMPLETE"
            changes.append(put_change_set(ctx.scope, child))
    return changes


async def names_of_nested(ctx: Context, stack: Stack) -> dict[str, str]:
    """Return the names that the stack's last change set below an executed root has given to new nested stacks."""
    made = [stored.value for stored in await stack_records(ctx).change_sets(stack)]
    last = [one for one in made if one.root and one.execution_status == "EXECUTE_COMPLETE"]
    return last[-1].planned_names if last else {}


async def deleted(ctx: Context, change_set: ChangeSet) -> list[Change]:
    """Return the changes that delete all below, with the stacks that were in review only for them."""
    keys = [(CHANGE_SET, child.key) for child in await descendants(ctx, change_set)]
    keys += [key for key in await stack_records(ctx).in_review_below(change_set) if key not in keys]
    return [DeleteRecord(ctx.scope, kind, key) for kind, key in keys]
