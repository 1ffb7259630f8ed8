"""Makes stacks that exist already instances of a stack set. Nothing is done to the stacks."""

from __future__ import annotations

from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.cloudformation.stack_sets.execution_roles import execution_call
from nightbus.services.cloudformation.stack_sets.operations import begin
from nightbus.services.cloudformation.stack_sets.records import (
    Instance,
    SetOperation,
    StackSet,
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
        name = await _name_of(ctx, stack_set, scope, stack_id)
        if name is None:
            raise AwsError("StackNotFoundException", f"Stack {stack_id} does not exist", 404)
        if scope in known:
            text = f"StackSet {stack_set.id} has an instance in account {scope.account} and region {scope.region}"
            raise AwsError("InvalidOperationException", text)
        known.add((scope.account, scope.region))
        targets.append((scope.account, scope.region))
        instance = Instance(*scope, name, stack_id)
        puts.append(put_instance(ctx.scope, stack_set.name, instance, 0))
    return await begin(
        ctx, stack_set, record.revision, "CREATE", targets, operation_preferences, operation_id, *puts
    )


async def _name_of(ctx: Context, stack_set: StackSet, scope: Scope, stack_id: str) -> str | None:
    """Return the stack's name, None for one that is not there. The execution role reads one of another account.

    Raises AwsError if the roles of the set do not lead there.
    """
    if scope.account != ctx.account:
        reading = SetOperation(
            "import", stack_set.name, stack_set.id, "CREATE", ctx.now_ms(), endpoint=ctx.call.endpoint,
            administration_role=stack_set.administration_role, execution_role=stack_set.execution_role,
        )  # fmt: skip
        call = await execution_call(ctx.platform, ctx.scope, reading, *scope)
        operations = ctx.platform.operations
        try:
            await operations.call("cloudformation", "DescribeStacks", {"StackName": stack_id}, call)
        except AwsError as refused:
            if "does not exist" in refused.message:
                return None
            raise
    stored = await StackRecords(ctx.store, scope, ctx.platform.vault).stack(stack_id)
    there = stored is not None and stored.value.status != "DELETE_COMPLETE"
    return stored.value.name if stored is not None and there else None


def _scope_of(stack_id: str) -> Scope:
    if not is_stack_id(stack_id):
        raise invalid(f"{stack_id} is not the ARN of a stack")
    parsed = Arn.parse(stack_id)
    return Scope(parsed.account, parsed.region)
