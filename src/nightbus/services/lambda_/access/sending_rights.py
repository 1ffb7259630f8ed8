"""Checks that a function's role may send to its dead-letter queue and its destinations, when the function gets them.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from nightbus.aws.arn import Arn
from nightbus.policies.request import NO_KEYS, Need
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import invalid_parameter_value
from nightbus.services.lambda_.invocations.role_session import role_session

_CALLS = {
    "sqs": ("SendMessage", "SQS"),
    "sns": ("Publish", "SNS"),
    "events": ("PutEvents", "EVENTBRIDGE"),
    "lambda": ("InvokeFunction", "LAMBDA"),
    "s3": ("PutObject", "S3"),
}
_KINDS = {"OnSuccess": "Success", "OnFailure": "Failure"}


async def check_sending(
    ctx: Context, role_arn: str, function_arn: str, target_arn: str, outcome: str = ""
) -> None:
    """Raise AwsError unless the role may send to the target.

    `outcome` is that of a destination, such as OnFailure; "" for a dead-letter queue.
    """
    authorizer = ctx.platform.authorizer
    service = Arn.parse(target_arn).service
    if authorizer is None or service not in _CALLS:
        return
    operation, name = _CALLS[service]
    resource = f"{target_arn}/{_first_key(function_arn)}" if service == "s3" else target_arn
    keys = {
        "events:source": "lambda",
        "events:detail-type": f"Lambda Function Invocation Result - {_KINDS.get(outcome, '')}",
        "events:eventbusinvocation": "false",
    }
    need = Need(f"{service}:{operation}", resource, keys if service == "events" else NO_KEYS)
    if await ctx.permits(role_session(role_arn, function_arn), need):
        return
    raise invalid_parameter_value(
        f"The provided execution role does not have permissions to call {operation} on {name}"
    )


def _first_key(function_arn: str) -> str:
    """Return the beginning of the keys of the records in a bucket."""
    return f"aws/lambda/async/{function_arn.rsplit(':', 1)[-1]}/"
