"""AWS::SNS::TopicPolicy and AWS::SNS::TopicInlinePolicy: the policy of several topics, or of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import gone_is_fine
from nightbus.stacks.resources.values import document

_LONGEST_NAME = 256


class SnsTopicPolicy:
    type_name = "AWS::SNS::TopicPolicy"
    properties = frozenset({"PolicyDocument", "Topics"})
    required = frozenset({"PolicyDocument", "Topics"})
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await _set(properties["Topics"], document(properties["PolicyDocument"]), ctx)
        return Resource(str(name), {"Id": str(name)})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await _clear(set(old["Topics"]) - set(new["Topics"]), ctx)
        return await self.create(new, physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await _clear(properties.get("Topics") or (), ctx)


class SnsTopicInlinePolicy:
    type_name = "AWS::SNS::TopicInlinePolicy"
    properties = frozenset({"PolicyDocument", "TopicArn"})
    required = frozenset({"PolicyDocument", "TopicArn"})
    replace_on = frozenset({"TopicArn"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await _set([properties["TopicArn"]], document(properties["PolicyDocument"]), ctx)
        return Resource(str(properties["TopicArn"]))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await self.create(new, None, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await _clear([physical_id], ctx)


async def _set(topics: Iterable[str], policy: str, ctx: ResourceContext) -> None:
    request = {"AttributeName": "Policy", "AttributeValue": policy}
    for topic in topics:
        await ctx.operation("sns", "SetTopicAttributes", TopicArn=topic, **request)


async def _clear(topics: Iterable[str], ctx: ResourceContext) -> None:
    """The default policy is back."""
    for topic in sorted(topics):
        with gone_is_fine():
            await _set([topic], "", ctx)
