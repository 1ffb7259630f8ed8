"""AWS::SQS::QueuePolicy and AWS::SQS::QueueInlinePolicy: the policy of several queues, or of one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import gone_is_fine
from nightbus.stacks.resources.values import document

_LONGEST_NAME = 80


class SqsQueuePolicy:
    type_name = "AWS::SQS::QueuePolicy"
    properties = frozenset({"PolicyDocument", "Queues"})
    required = frozenset({"PolicyDocument", "Queues"})
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await _set(properties["Queues"], document(properties["PolicyDocument"]), ctx)
        return Resource(str(name), {"Id": str(name)})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        await _clear(set(old["Queues"]) - set(new["Queues"]), ctx)
        return await self.create(new, physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await _clear(properties.get("Queues") or (), ctx)


class SqsQueueInlinePolicy:
    type_name = "AWS::SQS::QueueInlinePolicy"
    properties = frozenset({"PolicyDocument", "Queue"})
    required = frozenset({"PolicyDocument", "Queue"})
    replace_on = frozenset({"Queue"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await _set([properties["Queue"]], document(properties["PolicyDocument"]), ctx)
        return Resource(str(properties["Queue"]))

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await self.create(new, None, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await _clear([physical_id], ctx)


async def _set(urls: Iterable[str], policy: str, ctx: ResourceContext) -> None:
    for url in urls:
        await ctx.operation("sqs", "SetQueueAttributes", QueueUrl=url, Attributes={"Policy": policy})


async def _clear(urls: Iterable[str], ctx: ResourceContext) -> None:
    for url in sorted(urls):
        with gone_is_fine():
            await _set([url], "", ctx)
