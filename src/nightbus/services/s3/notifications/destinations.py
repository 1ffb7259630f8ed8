"""Checks the destinations of a notification configuration: their ARNs, and whether they admit S3 for the bucket."""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.messaging.access import Access
from nightbus.messaging.queue import SEND
from nightbus.messaging.topic import PUBLISH
from nightbus.policies.request import Need
from nightbus.services.context import Context
from nightbus.services.s3.notifications.filters import Destination
from nightbus.services.s3.notifications.object_events import SERVICE
from nightbus.services.s3.records import bucket_arn
from nightbus.store.interface import Record

_NEEDS = {SEND: "sqs:SendMessage", PUBLISH: "sns:Publish"}  # as the tables of actions spell them
_SERVICES = {
    "QueueConfigurations": "sqs",
    "TopicConfigurations": "sns",
    "LambdaFunctionConfigurations": "lambda",
}
_NOT_THERE = "A specified destination ARN does not exist or is not well-formed. Verify the destination ARN."
_ELSEWHERE = (
    "A specified destination is in a different region than the bucket. You must use a destination that"
)
_FIFO = "FIFO {0}s are not supported as notification destinations"


def check_arn(text: str, kind: str, bucket: Record) -> None:
    """Raise AwsError unless `text` is the ARN of a destination of this kind in the bucket's region."""
    try:
        arn = Arn.parse(text)
    except ValueError:
        raise AwsError("InvalidArgument", _NOT_THERE) from None
    if arn.service != _SERVICES[kind] or not arn.region or not arn.account:
        raise AwsError("InvalidArgument", _NOT_THERE)
    if arn.region != bucket.value["Region"]:
        raise AwsError("InvalidArgument", f"{_ELSEWHERE} resides in the same region as the bucket.")


async def check_destinations(ctx: Context, bucket: Record, destinations: Sequence[Destination]) -> None:
    """Raise AwsError that names each destination which does not take notifications of the bucket."""
    fields: dict[str, str] = {}
    for arn in dict.fromkeys(one.arn for one in destinations):
        problem = await _problem(ctx, bucket, arn)
        if problem:
            number = len(fields) // 2 + 1
            fields |= {f"ArgumentName{number}": f"{arn}, null", f"ArgumentValue{number}": problem}
    if fields:
        text = "Unable to validate the following destination configurations"
        raise AwsError("InvalidArgument", text, fields=fields)


async def _problem(ctx: Context, bucket: Record, arn: str) -> str:
    """Return why the destination takes no notifications; "" if it does."""
    parsed = Arn.parse(arn)
    if parsed.service == "lambda":
        return await _problem_of_function(ctx, bucket, arn)
    access: Access | None = None
    if parsed.service == "sqs":
        kind, action = "queue", SEND
        queue = await ctx.platform.queues.find_arn(arn)
        access = None if queue is None else queue.access
    else:
        kind, action = "topic", PUBLISH
        topic = await ctx.platform.topics.find_arn(arn)
        access = None if topic is None else topic.access
    if parsed.resource.endswith(".fifo"):
        return _FIFO.format(kind)
    if access is None:
        return f"The destination {kind} does not exist"
    caller = Caller.for_service(bucket.value["Account"], SERVICE, bucket_arn(bucket))
    is_admitted = access.admits(SERVICE, caller.source_arn, action, caller.account)
    if not is_admitted and (not await ctx.permits(caller, Need(_NEEDS[action], arn)) or ctx.enforces):
        text = f"Permissions on the destination {kind} do not allow S3 to publish notifications"
        return f"{text} from this bucket"
    return ""


async def _problem_of_function(ctx: Context, bucket: Record, arn: str) -> str:
    parsed = Arn.parse(arn)
    caller = Caller.for_service(bucket.value["Account"], SERVICE, bucket_arn(bucket))
    call = Call(Scope(parsed.account, parsed.region), caller, ctx.call.endpoint, ctx.call.request_id)
    try:
        request = {"FunctionName": arn, "InvocationType": "DryRun"}
        await ctx.platform.operations.call("lambda", "Invoke", request, call)
    except AwsError:
        return f"Not authorized to invoke function [{arn}]"
    return ""
