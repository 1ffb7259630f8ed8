"""An HTTP endpoint of somebody else's: the input becomes a request to it."""

from __future__ import annotations

from nightbus.delivery.forwarding.interface import Unforwardable
from nightbus.delivery.interface import Delivery, Failed, Outcome, Postponed, TargetContext
from nightbus.delivery.targets.forwarded import material


async def deliver(delivery: Delivery, ctx: TargetContext) -> Outcome | Postponed:
    made = await material(delivery, ctx)
    try:
        given = made.settings("HttpParameters")
    except Unforwardable as reason:
        return Failed("InvalidInput", str(reason), permanent=True)
    who = f"{made.once()}|{delivery.event_time}"  # a replayed event has its old id
    return await ctx.invoker.invoke(ctx.call.scope, str(delivery.target["Arn"]), who, given, made.input)
