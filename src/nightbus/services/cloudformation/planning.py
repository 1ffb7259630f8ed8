"""What would this request do to this stack? Proposal, transform and plan in one."""

from __future__ import annotations

from functools import partial

from nightbus.services.cloudformation.beginning import records
from nightbus.services.cloudformation.rule_targets import refusal
from nightbus.services.context import Context
from nightbus.stacks.planning.plan import Plan, plan
from nightbus.stacks.planning.proposal import Proposal, process
from nightbus.stacks.records import Deployment, Stack
from nightbus.stacks.resources import RESOURCE_TYPES


async def planned(
    ctx: Context, stack: Stack, old: Deployment | None, proposal: Proposal
) -> tuple[Deployment, Plan]:
    """The deployment, with the exports it imports noted, and its changes. Raises AwsError."""
    deployment = await process(proposal, ctx.scope, stack)
    found = records(ctx)
    resources = await found.resources(stack)
    exports = {name: entry["value"] for name, entry in (await found.exports()).items()}
    judge = partial(refusal, forwards=ctx.platform.forwards)
    changes = plan(ctx.scope, stack, old, deployment, resources, RESOURCE_TYPES, exports, judge)
    deployment.imports = changes.imports
    return deployment, changes


async def last_deployment(ctx: Context, stack: Stack) -> Deployment | None:
    """The last good one, or what a first creation was to make."""
    id = stack.deployment or stack.target
    return await records(ctx).deployment(stack, id) if id else None


async def shown_deployment(ctx: Context, stack: Stack) -> Deployment | None:
    id = stack.shown_deployment
    return await records(ctx).deployment(stack, id) if id else None
