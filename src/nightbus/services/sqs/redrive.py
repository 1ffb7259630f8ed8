"""Checks whether a queue may use another queue as its dead-letter queue."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.messaging.queue import FIFO_SUFFIX, KIND, queue_address, queue_arn, redrive_of
from nightbus.services.context import Context
from nightbus.services.sqs.errors import invalid_value
from nightbus.services.sqs.values import may_redrive


async def check_redrive(ctx: Context, scope: Scope, name: str, policy: str) -> None:
    """Raise AwsError InvalidParameterValue unless the queue `name` may have this RedrivePolicy."""
    redrive = redrive_of(policy)
    scope_and_name = queue_address(redrive.arn) if redrive is not None else None
    record = (
        await ctx.store.get(scope_and_name[0], KIND, scope_and_name[1])
        if scope_and_name is not None
        else None
    )
    if scope_and_name is None or record is None:
        raise invalid_value(policy, "RedrivePolicy", "Dead letter target does not exist.")
    if scope_and_name[0] != scope:
        reason = "Dead-letter target must be in the same account and region as the source."
        raise invalid_value(policy, "RedrivePolicy", reason)
    if scope_and_name[1].endswith(FIFO_SUFFIX) != name.endswith(FIFO_SUFFIX):
        reason = "Dead-letter queue must be same type of queue as the source."
        raise invalid_value(policy, "RedrivePolicy", reason)
    if not may_redrive(record.value["attributes"].get("RedriveAllowPolicy"), queue_arn(scope, name)):
        reason = "The dead-letter queue's redrive allow policy does not permit this source queue."
        raise invalid_value(policy, "RedrivePolicy", reason)
