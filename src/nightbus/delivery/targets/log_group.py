"""A CloudWatch log group: one log event per bus event, in a stream of the rule's own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_request_id
from nightbus.delivery.interface import Delivered, Delivery, Matched, Outcome, Placing, TargetContext
from nightbus.delivery.targets.outcomes import failed
from nightbus.messaging.log_streams import STREAM, appends, stream_key


async def place(matched: Matched, placing: Placing) -> str | None:
    """None before the rule's stream is there: the first delivery makes it."""
    arn = Arn.parse(matched.target["Arn"])
    scope, group, stream = Scope(arn.account, arn.region), _group(matched.target), _stream(matched.rule_arn)
    if await placing.store.get(scope, STREAM, stream_key(group, stream)) is None:
        return None
    placing.sending.changes += appends(
        scope, group, stream, [(matched.time, matched.input.decode())], matched.time
    )
    return new_request_id()


def _group(target: Mapping[str, Any]) -> str:
    return str(target["Arn"]).split(":log-group:", 1)[1].removesuffix(":*")


def _stream(rule_arn: str) -> str:
    return hashlib.sha256(rule_arn.encode()).hexdigest()[:32]


async def deliver(delivery: Delivery, ctx: TargetContext) -> Outcome:
    group, stream = _group(delivery.target), _stream(delivery.rule_arn)
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
