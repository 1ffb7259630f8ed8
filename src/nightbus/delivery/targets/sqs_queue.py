"""Puts the input into an SQS queue: in the event's own commit, or by SendMessage where that cannot be.

https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_SqsParameters.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.delivery.forwarding.interface import Unforwardable
from nightbus.delivery.forwarding.material import Material, is_dynamic
from nightbus.delivery.interface import Matched, OpenCommit
from nightbus.delivery.jobs import Delivered, Failed, Job, Outcome, TargetContext
from nightbus.delivery.targets.forwarded import material
from nightbus.delivery.targets.outcomes import failed
from nightbus.delivery.targets.permission import may, may_without_role, sender
from nightbus.messaging.queue import SEND, Queue, queue_address, url_path
from nightbus.messaging.queue_writes import Incoming, QueueAppender

_TRACE = "AWSTraceHeader"
_GROUP = re.compile(r"[!-~]{1,128}")  # what SQS takes for the name of a group


def open_appender(
    scope: Scope, target: dict[str, Any], rule_arn: str, now: int, commit: OpenCommit
) -> QueueAppender | None:
    """For events as they are, into a standard queue that was used before; None where more has to be looked at."""
    queue = commit.queues.known(target["Arn"])
    if queue is None or queue.fifo or queue.key or _group(target):
        return None
    if not may_without_role(queue.access, SEND, rule_arn, target):
        return None
    return commit.queues.appender(commit.writes, queue, scope.account, now)


async def deliver_inline(matched: Matched, commit: OpenCommit) -> str | None:
    """The message's id; None when the queue would not take it, which its own service then says why."""
    queue = await commit.queues.find_arn(matched.target["Arn"])
    if (
        queue is None
        or not await may(commit, queue.access, SEND, matched.target["Arn"], matched)
        or len(matched.input) > queue.largest
        or (queue.fifo and not _fits(matched, queue.content_based))
    ):
        return None
    if queue.key and not await _may_use_key(matched, queue, commit):
        return None
    group = _group_for(matched)
    if group is None:
        return None
    incoming = Incoming(matched.input.decode(), {}, group=group, trace=matched.trace)
    accepted = await commit.queues.add(commit.writes, queue, incoming, matched.scope.account, matched.time)
    return accepted.message_id


async def _may_use_key(matched: Matched, queue: Queue, commit: OpenCommit) -> bool:
    """Return whether EventBridge may use the queue's key. SendMessage finds out what a target's role may."""
    if matched.target.get("RoleArn"):
        return False
    caller = sender(matched.scope.account, matched.rule_arn, matched.target)
    context = {"aws:sqs:arn": matched.target["Arn"]}
    return await commit.queues.may_use_key(queue.scope, queue.key, caller, "sqs", context)


def _fits(matched: Matched, content_based: bool) -> bool:
    return content_based and bool(_group(matched.target))


def _group(target: Mapping[str, Any]) -> str:
    return str((target.get("SqsParameters") or {}).get("MessageGroupId") or "")


def _group_for(matched: Matched) -> str | None:
    """The group, which the target may take from the event; None where that has to be looked at elsewhere."""
    group = _group(matched.target)
    if not is_dynamic(group):
        return group
    if not matched.whole:
        return None
    event = matched.input.decode()
    made = Material(matched.target, matched.rule, matched.rule_arn, matched.event_id, event, event)
    try:
        group = made.part(group)
    except Unforwardable:
        return None
    return group if _GROUP.fullmatch(group) else None


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome:
    address = queue_address(job.address)
    path = url_path(*address) if address is not None else f"/{job.target['Arn']}"
    request: dict[str, Any] = {
        "QueueUrl": f"{ctx.call.endpoint}{path}",
        "MessageBody": job.input.decode(),
    }
    group = _group(job.target)
    if is_dynamic(group):
        try:
            group = (await material(job, ctx)).part(group)
        except Unforwardable as reason:
            return Failed("InvalidInput", str(reason), permanent=True)
    if group:
        request["MessageGroupId"] = group
    deduplication = (job.target.get("SqsParameters") or {}).get("MessageDeduplicationId")
    if deduplication:
        request["MessageDeduplicationId"] = deduplication
    if "MessageAttributes" in job.target:
        request["MessageAttributes"] = job.target["MessageAttributes"]
    if job.trace:
        request["MessageSystemAttributes"] = {_TRACE: {"DataType": "String", "StringValue": job.trace}}
    try:
        reply = await ctx.operations.call("sqs", "SendMessage", request, ctx.call)
    except AwsError as error:
        return failed(error)
    return Delivered(reply["MessageId"])
