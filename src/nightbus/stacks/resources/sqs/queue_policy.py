"""Implements AWS::SQS::QueuePolicy and AWS::SQS::QueueInlinePolicy."""

from __future__ import annotations

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.attached_policies import PolicyOfMany, PolicyOfOne


async def _set(url: str, policy: str, ctx: ResourceContext) -> None:
    await ctx.operation("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})


async def _get(url: str, ctx: ResourceContext) -> str:
    request = {"QueueUrl": url, "AttributeNames": ["Policy"]}
    reply = await ctx.operation("sqs", "GetQueueAttributes", **request)
    return str((reply.get("Attributes") or {}).get("Policy") or "")


SQS_QUEUE_POLICY = PolicyOfMany("AWS::SQS::QueuePolicy", "Queues", _set, _get)
SQS_QUEUE_INLINE_POLICY = PolicyOfOne("AWS::SQS::QueueInlinePolicy", "Queue", _set, _get)
