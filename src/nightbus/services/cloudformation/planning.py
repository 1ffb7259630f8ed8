"""Plans what a request would change in a stack: checks the proposal, transforms the template, compares."""

from __future__ import annotations

from functools import partial

from nightbus.services.cloudformation.macros import AccountMacros
from nightbus.services.cloudformation.operation_start import stack_records
from nightbus.services.cloudformation.rule_targets import unreachable_target
from nightbus.services.context import Context
from nightbus.stacks import stack_deployments
from nightbus.stacks.planning.plan import StackPlan, plan_changes
from nightbus.stacks.planning.proposal import Proposal, process
from nightbus.stacks.records import Deployment, Stack
from nightbus.stacks.resolution import evaluator
from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.stacks.stack_outputs import read_stack_outputs


async def planned(
    ctx: Context, stack: Stack, old: Deployment | None, proposal: Proposal
) -> tuple[Deployment, StackPlan]:
    """Return the deployment, with the names of the exports that it imports, and the plan of changes.

    Raises AwsError.
    """
    deployment = await process(proposal, ctx.scope, stack, AccountMacros(ctx))
    stored = stack_records(ctx)
    resources = await stored.resources(stack)
    exports = {name: entry["value"] for name, entry in (await stored.exports()).items()}
    judge = partial(unreachable_target, forwards=ctx.platform.forwards)
    outputs = await read_stack_outputs(
        deployment.processed, evaluator(deployment, ctx.scope, stack), ctx.platform.operations, ctx.call
    )
    changes = plan_changes(
        ctx.scope, stack, old, deployment, resources, RESOURCE_TYPES, exports, judge, outputs
    )
    deployment.imports = changes.imports
    return deployment, changes


async def last_deployment(ctx: Context, stack: Stack) -> Deployment | None:
    """Return the stack's last good deployment, or that of its first creation if there is none yet."""
    return await stack_deployments.last_good(stack_records(ctx), stack)


async def described(ctx: Context, stack: Stack) -> tuple[Stack, Deployment | None]:
    """Return the stack with the deployment that it is described by: the stack as it is now, if that has changed."""
    return await stack_deployments.described(stack_records(ctx), stack)
