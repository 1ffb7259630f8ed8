"""Lambda: an asynchronous invocation, which Lambda itself keeps and retries once it has taken it."""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.delivery.interface import Delivered, Delivery, Outcome, TargetContext
from nightbus.delivery.targets.outcomes import failed


async def deliver(delivery: Delivery, ctx: TargetContext) -> Outcome:
    request = {
        "FunctionName": delivery.target["Arn"],
        "InvocationType": "Event",
        "Payload": delivery.input,
    }
    try:
        await ctx.operations.call("lambda", "Invoke", request, ctx.call)
    except AwsError as error:
        return failed(error)
    return Delivered(ctx.call.request_id)
