"""A CloudWatch log group: one log event per bus event, in a stream of the rule's own."""

from __future__ import annotations

import hashlib
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.delivery.interface import Delivered, Delivery, Outcome, TargetContext
from nightbus.delivery.targets.outcomes import failed


async def deliver(delivery: Delivery, ctx: TargetContext) -> Outcome:
    group = str(delivery.target["Arn"]).split(":log-group:", 1)[1].removesuffix(":*")
    stream = hashlib.sha256(delivery.rule_arn.encode()).hexdigest()[:32]
    message = {"timestamp": delivery.event_time, "message": delivery.input.decode()}
    place = {"logGroupName": group, "logStreamName": stream}
    request: dict[str, Any] = {**place, "logEvents": [message]}
    try:
        try:
            await ctx.operations.call("logs", "PutLogEvents", request, ctx.call)
        except AwsError as error:
            if error.code != "ResourceNotFoundException" or "stream" not in error.message:
                raise
            try:
                await ctx.operations.call("logs", "CreateLogStream", place, ctx.call)
            except AwsError as made:  # another delivery of the rule was faster
                if made.code != "ResourceAlreadyExistsException":
                    raise
            await ctx.operations.call("logs", "PutLogEvents", request, ctx.call)
    except AwsError as error:
        return failed(error)
    return Delivered(ctx.call.request_id)
