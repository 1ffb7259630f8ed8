"""Checks whether a queue may have another one as its dead-letter queue."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.messaging.queue import FIFO_SUFFIX, KIND, queue_arn, queue_place, redrive_of
from nightbus.services.context import Context
from nightbus.services.sqs.errors import invalid_value
from nightbus.services.sqs.values import may_redrive


async def check_redrive(ctx: Context, scope: Scope, name: str, policy: str) -> None:
    """Raises AwsError InvalidParameterValue."""
    redrive = redrive_of(policy)
    place = queue_place(redrive.arn) if redrive is not None else None
    record = await ctx.store.get(place[0], KIND, place[1]) if place is not None else None
    if place is None or record is None:
        raise invalid_value(policy, "RedrivePolicy", "Dead letter target does not exist.")
    if place[0] != scope:
        reason = "Dead-letter target must be in the same account and region as the source."
        raise invalid_value(policy, "RedrivePolicy", reason)
    if place[1].endswith(FIFO_SUFFIX) != name.endswith(FIFO_SUFFIX):
        reason = "Dead-letter queue must be same type of queue as the source."
        raise invalid_value(policy, "RedrivePolicy", reason)
    if not may_redrive(record.value["attributes"].get("RedriveAllowPolicy"), queue_arn(scope, name)):
        reason = "The dead-letter queue's redrive allow policy does not permit this source queue."
        raise invalid_value(policy, "RedrivePolicy", reason)
