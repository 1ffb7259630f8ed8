"""Writes one log event for each event to a CloudWatch log group, in a stream of the rule's own.

A resource policy of CloudWatch Logs has to admit EventBridge, or the target's role may write.
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
What an input transformer makes must be `{"timestamp": …, "message": "…"}`: the log event itself.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_request_id
from nightbus.bus.json_text import parse_json
from nightbus.delivery.interface import Matched, OpenCommit
from nightbus.delivery.jobs import Delivered, Failed, Job, Outcome, TargetContext
from nightbus.delivery.targets.outcomes import failed
from nightbus.messaging.log_streams import appends, required_stream
from nightbus.policies.request import Need

# PutLogEvents takes what is at most so old or so far ahead.
_OLDEST_MS = 14 * 86_400_000
_NEWEST_MS = 2 * 3_600_000
_PUT = "logs:PutLogEvents"


async def deliver_inline(matched: Matched, commit: OpenCommit) -> str | None:
    """None before the rule's stream is there, which the first delivery makes, and for what PutLogEvents refuses."""
    arn = Arn.parse(matched.target["Arn"])
    scope, group, stream = Scope(arn.account, arn.region), _group(matched.target), _stream(matched.rule_arn)
    required = await required_stream(commit.store, scope, group, stream)
    if required is None:
        return None
    log_event = _log_event(matched.target, matched.input, matched.time)
    if not await commit.admits(
        matched, Need(_PUT, f"{matched.target['Arn'].removesuffix(':*')}:log-stream:{stream}")
    ):
        return None
    if log_event is None or not -_OLDEST_MS <= log_event[0] - matched.time <= _NEWEST_MS:
        return None
    commit.writes.changes.append(required)
    commit.writes.changes += appends(scope, group, stream, [log_event], matched.time)
    return new_request_id()


def _log_event(target: Mapping[str, Any], input_text: bytes, time: int) -> tuple[int, str] | None:
    """When it was, in UTC ms, and what is logged of it; None where the input does not say so."""
    text = input_text.decode()
    if target.get("InputTransformer") is None:
        return time, text
    try:
        made = parse_json(text)
    except ValueError:
        return None
    if (
        not isinstance(made, dict)
        or set(made) != {"timestamp", "message"}
        or not isinstance(made["message"], str)
    ):
        return None
    stamp = _milliseconds(made["timestamp"])
    return None if stamp is None else (stamp, made["message"])


def _milliseconds(timestamp: object) -> int | None:
    if isinstance(timestamp, int) and not isinstance(timestamp, bool):
        return timestamp
    try:
        when = datetime.fromisoformat(timestamp) if isinstance(timestamp, str) else None
    except ValueError:
        return None
    if when is None:
        return None
    return round((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)


def _group(target: Mapping[str, Any]) -> str:
    return str(target["Arn"]).split(":log-group:", 1)[1].removesuffix(":*")


def _stream(rule_arn: str) -> str:
    return hashlib.sha256(rule_arn.encode()).hexdigest()[:32]


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome:
    group, stream = _group(job.target), _stream(job.origin.arn)
    log_event = _log_event(job.target, job.input, job.accepted)
    if log_event is None:
        return Failed("InvalidInput", "Invalid input for target.", permanent=True)
    message = {"timestamp": log_event[0], "message": log_event[1]}
    stream_name = {"logGroupName": group, "logStreamName": stream}
    request: dict[str, Any] = {**stream_name, "logEvents": [message]}
    call = ctx.call
    try:
        try:
            reply = await ctx.operations.call("logs", "PutLogEvents", request, call)
        except AwsError as error:
            if error.code != "ResourceNotFoundException" or "stream" not in error.message:
                raise
            try:
                await ctx.operations.call("logs", "CreateLogStream", stream_name, call)
            except AwsError as made:  # another delivery of the rule was faster
                if made.code != "ResourceAlreadyExistsException":
                    raise
            reply = await ctx.operations.call("logs", "PutLogEvents", request, call)
    except AwsError as error:
        return failed(error)
    if reply.get("rejectedLogEventsInfo"):
        return Failed(
            "InvalidInput", "The timestamp is too old or too new for the log group.", permanent=True
        )
    return Delivered(ctx.call.request_id)
