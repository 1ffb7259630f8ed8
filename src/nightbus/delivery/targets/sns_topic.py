"""Publishes the input to an SNS topic: in the event's own commit, or by Publish where that cannot be."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.delivery.interface import Matched, OpenCommit
from nightbus.delivery.jobs import Delivered, Job, Outcome, TargetContext
from nightbus.delivery.targets.outcomes import failed
from nightbus.delivery.targets.permission import may, sender
from nightbus.messaging.notification import Notification
from nightbus.messaging.topic import PUBLISH


async def deliver_inline(matched: Matched, commit: OpenCommit) -> str | None:
    """The message's id; None where Publish would refuse it, which then says why."""
    topic = await commit.topics.find_arn(matched.target["Arn"])
    if topic is None or topic.fifo or not 0 < len(matched.input) <= topic.largest:
        return None
    if not await may(commit, topic.access, PUBLISH, topic.arn, matched):
        return None
    if topic.key:
        if matched.target.get("RoleArn"):
            return None  # Publish finds out whether the role may use the key
        caller = sender(matched.scope.account, matched.rule_arn, matched.target)
        if not await commit.topics.may_use_key(topic, caller):
            return None
    notification = Notification(
        id=new_uuid(),
        topic_arn=topic.arn,
        bodies={"default": matched.input.decode()},
        time=matched.time,
        sender=matched.scope.account,
        trace=matched.trace,
    )
    await commit.topics.prepare(topic, notification)
    accepted = await commit.topics.add(commit.writes, topic, notification)
    return accepted.message_id


async def deliver(job: Job[Any], ctx: TargetContext) -> Outcome:
    request: dict[str, Any] = {"TopicArn": job.address, "Message": job.input.decode()}
    for member in ("MessageAttributes", "Subject"):
        if member in job.target:
            request[member] = job.target[member]
    try:
        reply = await ctx.operations.call("sns", "Publish", request, ctx.call)
    except AwsError as error:
        return failed(error)
    return Delivered(reply["MessageId"])
