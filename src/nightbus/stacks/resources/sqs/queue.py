"""Implements AWS::SQS::Queue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import exists_elsewhere, ignore_missing, is_gone
from nightbus.stacks.resources.tags import all_tags, belongs_to_resource, own_tags
from nightbus.stacks.resources.values import attributes, selected_properties, text

_LONGEST_NAME = 80
_FIFO = ".fifo"
_WITHOUT = {  # the values of attributes that the template does not have
    "ContentBasedDeduplication": "false",
    "DeduplicationScope": "queue",
    "DelaySeconds": "0",
    "FifoThroughputLimit": "perQueue",
    "KmsDataKeyReusePeriodSeconds": "300",
    "KmsMasterKeyId": "",
    "MaximumMessageSize": "1048576",
    "MessageRetentionPeriod": "345600",
    "ReceiveMessageWaitTimeSeconds": "0",
    "RedriveAllowPolicy": "",
    "RedrivePolicy": "",
    "SqsManagedSseEnabled": "true",
    "VisibilityTimeout": "30",
}


class SqsQueue:
    type_name = "AWS::SQS::Queue"
    properties = frozenset({*_WITHOUT, "FifoQueue", "QueueName", "Tags"})
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"FifoQueue", "QueueName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("QueueName")
        if template_name:
            return str(template_name)
        suffix = _FIFO if _is_fifo(properties) else ""
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME - len(suffix)) + suffix

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        await _refuse_foreign_queue(str(name), ctx)
        queue_attributes = attributes(properties, *_WITHOUT)
        if _is_fifo(properties):
            queue_attributes["FifoQueue"] = "true"
        reply = await ctx.operation(
            "sqs", "CreateQueue", QueueName=name, Attributes=queue_attributes, tags=all_tags(properties, ctx)
        )
        return await _resource(reply["QueueUrl"], ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        desired = attributes(new, *_WITHOUT)
        for name in attributes(old, *_WITHOUT):
            desired.setdefault(name, _WITHOUT[name])
        if desired:
            await ctx.operation("sqs", "SetQueueAttributes", QueueUrl=physical_id, Attributes=desired)
        await _retag(physical_id, all_tags(new, ctx), ctx)
        return await _resource(physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            url = physical_id
            if "/" not in url:  # after a failed creation it is only the name
                url = (await ctx.operation("sqs", "GetQueueUrl", QueueName=url))["QueueUrl"]
            await ctx.operation("sqs", "DeleteQueue", QueueUrl=url)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        request = {"QueueUrl": physical_id, "AttributeNames": ["All"]}
        live = dict((await ctx.operation("sqs", "GetQueueAttributes", **request))["Attributes"])
        tags = (await ctx.operation("sqs", "ListQueueTags", QueueUrl=physical_id)).get("Tags") or {}
        name = live["QueueArn"].rpartition(":")[2]
        identity = {
            "QueueName": name,
            "QueueUrl": physical_id,
            "Arn": live["QueueArn"],
            "Tags": own_tags(tags),
        }
        return {**selected_properties(live, *_WITHOUT, "FifoQueue"), **identity}


def _is_fifo(properties: Mapping[str, Any]) -> bool:
    return text(properties.get("FifoQueue", False)).lower() == "true"


async def _refuse_foreign_queue(name: str, ctx: ResourceContext) -> None:
    """Raise AwsError if the queue exists and is not the stack's own.

    CreateQueue would return an equal one of others.
    """
    try:
        url = (await ctx.operation("sqs", "GetQueueUrl", QueueName=name))["QueueUrl"]
        tags = (await ctx.operation("sqs", "ListQueueTags", QueueUrl=url)).get("Tags") or {}
    except AwsError as error:
        if is_gone(error):
            return
        raise
    if not belongs_to_resource(tags, ctx):
        raise exists_elsewhere(name)


async def _retag(url: str, tags: Mapping[str, str], ctx: ResourceContext) -> None:
    existing = (await ctx.operation("sqs", "ListQueueTags", QueueUrl=url)).get("Tags") or {}
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("sqs", "UntagQueue", QueueUrl=url, TagKeys=surplus)
    if existing != dict(tags):
        await ctx.operation("sqs", "TagQueue", QueueUrl=url, Tags=dict(tags))


async def _resource(url: str, ctx: ResourceContext) -> Resource:
    reply = await ctx.operation("sqs", "GetQueueAttributes", QueueUrl=url, AttributeNames=["QueueArn"])
    arn = reply["Attributes"]["QueueArn"]
    return Resource(url, {"Arn": arn, "QueueName": arn.rpartition(":")[2], "QueueUrl": url})
