"""Makes stacks that exist already instances of a stack set. Nothing is done to the stacks."""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.stack_sets.operations import begin
from nightbus.services.cloudformation.stack_sets.records import (
    Instance,
    find_set,
    put_instance,
    set_instances,
)
from nightbus.services.cloudformation.stack_sets.targets import invalid
from nightbus.services.context import Context
from nightbus.stacks.records import StackRecords, is_stack_id


async def import_stacks_to_stack_set(
    ctx: Context,
    *,
    stack_set_name: str,
    stack_ids: list[str] | None = None,
    operation_preferences: dict[str, Any] | None = None,
    operation_id: str | None = None,
) -> dict[str, Any]:
    """Each stack becomes an instance. The operation then updates it to the set's template, as AWS's does."""
    stack_set, record = await find_set(ctx, stack_set_name)
    if not stack_ids:
        raise invalid("StackIds must have at least one stack")
    known = {
        (one.account, one.region) for one in await set_instances(ctx.platform, ctx.scope, stack_set.name)
    }
    puts, targets = [], []
    for stack_id in stack_ids:
        scope = _scope_of(stack_id)
        stored = await StackRecords(ctx.store, scope, ctx.platform.vault).stack(stack_id)
        if stored is None or stored.value.status == "DELETE_COMPLETE":
            raise AwsError("StackNotFoundException", f"Stack {stack_id} does not exist", 404)
        if scope in known:
            text = f"StackSet {stack_set.id} has an instance in account {scope.account} and region {scope.region}"
            raise AwsError("InvalidOperationException", text)
        known.add((scope.account, scope.region))
        targets.append((scope.account, scope.region))
        instance = Instance(*scope, stored.value.name, stack_id)
        puts.append(put_instance(ctx.scope, stack_set.name, instance, 0))
    return await begin(
        ctx, stack_set, record.revision, "CREATE", targets, operation_preferences, operation_id, *puts
    )


def _scope_of(stack_id: str) -> Scope:
    if not is_stack_id(stack_id):
        raise invalid(f"{stack_id} is not the ARN of a stack")
    parsed = Arn.parse(stack_id)
    return Scope(parsed.account, parsed.region)
