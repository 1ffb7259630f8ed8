"""Implements AWS::SNS::TopicPolicy and AWS::SNS::TopicInlinePolicy."""

from __future__ import annotations

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.attached_policies import PolicyOfMany, PolicyOfOne


async def _set(topic: str, policy: str, ctx: ResourceContext) -> None:
    """Set the topic's policy, or the default one for no policy."""
    request = {"AttributeName": "Policy", "AttributeValue": policy}
    await ctx.operation("sns", "SetTopicAttributes", TopicArn=topic, **request)


async def _get(topic: str, ctx: ResourceContext) -> str:
    reply = await ctx.operation("sns", "GetTopicAttributes", TopicArn=topic)
    return str(reply["Attributes"].get("Policy") or "")


SNS_TOPIC_POLICY = PolicyOfMany("AWS::SNS::TopicPolicy", "Topics", _set, _get)
SNS_TOPIC_INLINE_POLICY = PolicyOfOne("AWS::SNS::TopicInlinePolicy", "TopicArn", _set, _get)
