"""AWS::SNS::TopicPolicy and AWS::SNS::TopicInlinePolicy"""

from __future__ import annotations

from nightbus.stacks.interface import ResourceContext
from nightbus.stacks.resources.attached_policies import PolicyOfMany, PolicyOfOne


async def _set(topic: str, policy: str, ctx: ResourceContext) -> None:
    """Without a policy of its own a topic has the default one."""
    request = {"AttributeName": "Policy", "AttributeValue": policy}
    await ctx.operation("sns", "SetTopicAttributes", TopicArn=topic, **request)


SNS_TOPIC_POLICY = PolicyOfMany("AWS::SNS::TopicPolicy", "Topics", _set)
SNS_TOPIC_INLINE_POLICY = PolicyOfOne("AWS::SNS::TopicInlinePolicy", "TopicArn", _set)
