"""Calls a service that is not part of Nightbus, at the endpoint that the user has named for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.delivery.forwarding.interface import Unforwardable
from nightbus.delivery.forwarding.kinds import kind_of
from nightbus.delivery.forwarding.material import Material
from nightbus.delivery.forwarding.settings import missing
from nightbus.delivery.history import find_event
from nightbus.delivery.jobs import Delivered, Failed, Job, Outcome, TargetContext
from nightbus.delivery.rule_origin import RuleOrigin
from nightbus.delivery.targets.outcomes import failed
from nightbus.delivery.targets.permission import refusal_of_role


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome:
    arn = job.address
    kind = kind_of(arn)
    if kind is None:
        return Failed("UnsupportedTarget", f"{arn} is no target of Nightbus.", True)
    if kind.setting not in ctx.forwarder.endpoints:  # set when the target was put, and taken away since
        return Failed("NoEndpoint", missing(arn, kind.setting, ctx.forwarder.endpoints), permanent=False)
    if kind.action:
        resource = str((job.target.get(kind.parameters) or {}).get(kind.judged, "")) if kind.judged else arn
        refusal = await refusal_of_role(job, ctx, kind.action, resource)
        if refusal is not None:
            return refusal
    try:
        call = kind.make(await material(job, ctx))
    except Unforwardable as reason:
        return Failed("InvalidInput", str(reason), permanent=True)
    answer = await ctx.forwarder.call(kind.setting, call, *ctx.call.scope)
    if answer.code and answer.code != kind.again:
        failure = failed(AwsError(answer.code, answer.message, answer.status))
        return failure if answer.answered else replace(failure, status=0)
    return Delivered(answer.name or ctx.call.request_id)


async def material(job: Job[Any], ctx: TargetContext) -> Material:
    """`event` is the event that the rule matched; a job of another origin has only its input."""
    origin, text = job.origin, job.input
    if isinstance(origin, RuleOrigin):
        event = await find_event(ctx.store, origin.scope, origin.bus, origin.event_id, job.accepted)
        text = job.input if event is None else event.text
    return Material(
        target=job.target,
        rule=origin.arn.rpartition("/")[2],
        rule_arn=origin.arn,
        event_id=origin.id,
        input=job.input.decode(),
        event=text.decode(),
    )
