"""A target whose service is not part of Nightbus: its call is made to the endpoint that the user has named."""

from __future__ import annotations

from dataclasses import replace

from nightbus.aws.errors import AwsError
from nightbus.delivery.forwarding.interface import Unforwardable
from nightbus.delivery.forwarding.kinds import kind_of
from nightbus.delivery.forwarding.material import Material
from nightbus.delivery.forwarding.settings import missing
from nightbus.delivery.history import find_event
from nightbus.delivery.interface import Delivered, Delivery, Failed, Outcome, TargetContext
from nightbus.delivery.targets.outcomes import failed


async def deliver(delivery: Delivery, ctx: TargetContext) -> Outcome:
    arn = str(delivery.target["Arn"])
    kind = kind_of(arn)
    if kind is None:
        return Failed("UnsupportedTarget", f"{arn} is no target of Nightbus.", True)
    if kind.setting not in ctx.forwarder.endpoints:  # set when the target was put, and taken away since
        return Failed("NoEndpoint", missing(arn, kind.setting, ctx.forwarder.endpoints), permanent=False)
    try:
        call = kind.make(await material(delivery, ctx))
    except Unforwardable as reason:
        return Failed("InvalidInput", str(reason), permanent=True)
    answer = await ctx.forwarder.call(kind.setting, call, *ctx.call.scope)
    if answer.code and answer.code != kind.again:
        told = failed(AwsError(answer.code, answer.message, answer.status))
        return told if answer.answered else replace(told, status=0)
    return Delivered(answer.name or ctx.call.request_id)


async def material(delivery: Delivery, ctx: TargetContext) -> Material:
    found = await find_event(ctx.store, delivery.scope, delivery.bus, delivery.event_id, delivery.event_time)
    return Material(
        target=delivery.target,
        rule=delivery.rule,
        rule_arn=delivery.rule_arn,
        event_id=delivery.event_id,
        input=delivery.input.decode(),
        event=(delivery.input if found is None else found.text).decode(),
    )
