"""Sends the input to an API destination, as a request with the authorization of its connection."""

from __future__ import annotations

from typing import Any

from nightbus.delivery.forwarding.interface import Unforwardable
from nightbus.delivery.jobs import Failed, Job, Outcome, Postponed, TargetContext
from nightbus.delivery.targets.forwarded import material
from nightbus.delivery.targets.permission import refusal_of_role


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome | Postponed:
    refusal = await refusal_of_role(job, ctx, "events:InvokeApiDestination", job.address)
    if refusal is not None:
        return refusal
    made = await material(job, ctx)
    try:
        settings = made.settings("HttpParameters")
    except Unforwardable as reason:
        return Failed("InvalidInput", str(reason), permanent=True)
    who = f"{made.once()}|{job.accepted}"  # a replayed event has its old id
    return await ctx.invoker.invoke(ctx.call.scope, job.address, who, settings, made.input, ctx.rates)
