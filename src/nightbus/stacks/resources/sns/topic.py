"""Implements AWS::SNS::Topic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.errors import AwsError
from nightbus.aws.support import SNS_PROTOCOLS_ELSEWHERE
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import (
    exists_elsewhere,
    ignore_missing,
    is_gone,
    undone_on_failure,
)
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import attributes, changed, selected_properties, text

_LONGEST_NAME = 256
_FIFO = ".fifo"
_WITHOUT = {  # the values of attributes that the template does not have
    "ArchivePolicy": "{}",
    "ContentBasedDeduplication": "false",
    "DisplayName": "",
    "FifoThroughputScope": "Topic",
    "KmsMasterKeyId": "",
    "SignatureVersion": "1",
    "TracingConfig": "PassThrough",
}


_LOGGING = ("SuccessFeedbackRoleArn", "FailureFeedbackRoleArn", "SuccessFeedbackSampleRate")
_PREFIXES = {  # of the attributes, by the protocol that the template names
    "http/s": "HTTP",
    "sqs": "SQS",
    "lambda": "Lambda",
    "firehose": "Firehose",
    "application": "Application",
}


class SnsTopic:
    type_name = "AWS::SNS::Topic"
    properties = frozenset(
        {
            *_WITHOUT,
            "DataProtectionPolicy",
            "DeliveryStatusLogging",
            "FifoTopic",
            "Subscription",
            "Tags",
            "TopicName",
        }
    )
    required: frozenset[str] = frozenset()
    replace_on = frozenset({"FifoTopic", "TopicName"})

    def unsupported(self, properties: Mapping[str, Any]) -> str | None:
        listed = properties.get("Subscription")
        for one in listed if isinstance(listed, list) else ():
            protocol = one.get("Protocol") if isinstance(one, Mapping) else None
            if protocol in SNS_PROTOCOLS_ELSEWHERE:
                return f"the Subscription protocol {protocol}"
        return None

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("TopicName")
        if template_name:
            return str(template_name)
        suffix = _FIFO if _is_fifo(properties) else ""
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME - len(suffix)) + suffix

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        topic = _topic_arn(str(name), ctx)
        await _refuse_foreign_topic(topic, ctx)
        topic_attributes = _attributes(properties)
        if _is_fifo(properties):
            topic_attributes["FifoTopic"] = "true"
        tags = as_list(all_tags(properties, ctx))
        policy = {"DataProtectionPolicy": _protection(properties)} if _protection(properties) else {}
        await ctx.operation("sns", "CreateTopic", Name=name, Attributes=topic_attributes, Tags=tags, **policy)
        async with undone_on_failure(self.delete(topic, properties, ctx)):
            for protocol, endpoint in _subscriptions(properties):
                await _subscribe(topic, protocol, endpoint, ctx)
        return _resource(topic)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        before, desired = _attributes(old), _attributes(new)
        for name in sorted(set(before) | set(desired)):
            value = desired.get(name, _WITHOUT.get(name, ""))
            if before.get(name) != value:
                request = {"AttributeName": name, "AttributeValue": value}
                await ctx.operation("sns", "SetTopicAttributes", TopicArn=physical_id, **request)
        if changed(old, new, "DataProtectionPolicy"):
            policy = _protection(new)
            await ctx.operation(
                "sns", "PutDataProtectionPolicy", ResourceArn=physical_id, DataProtectionPolicy=policy
            )
        await _resubscribe(physical_id, _subscriptions(old), _subscriptions(new), ctx)
        await _retag(physical_id, all_tags(new, ctx), ctx)
        return _resource(physical_id)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        # After a failed creation the physical id is only the name.
        topic = physical_id if physical_id.startswith("arn:") else _topic_arn(physical_id, ctx)
        with ignore_missing():
            if properties.get("ArchivePolicy"):  # a topic with an archive cannot be deleted
                end = {"AttributeName": "ArchivePolicy", "AttributeValue": "{}"}
                await ctx.operation("sns", "SetTopicAttributes", TopicArn=topic, **end)
            await ctx.operation("sns", "DeleteTopic", TopicArn=topic)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = (await ctx.operation("sns", "GetTopicAttributes", TopicArn=physical_id))["Attributes"]
        tags = (await ctx.operation("sns", "ListTagsForResource", ResourceArn=physical_id))["Tags"]
        declared = _subscriptions(properties)
        subscriptions = [
            {"Protocol": one["Protocol"], "Endpoint": one["Endpoint"]}
            for one in await _listed_subscriptions(physical_id, ctx)
            if not properties
            or (one["Protocol"], one["Endpoint"]) in declared  # others are resources of their own
        ]
        name = physical_id.rpartition(":")[2]
        identity = {"TopicArn": physical_id, "TopicName": name, "Tags": own_tags(tag_map(tags))}
        settings = selected_properties(live, *_WITHOUT, "FifoTopic")
        if "ArchivePolicy" in settings:
            settings["ArchivePolicy"] = json.loads(settings["ArchivePolicy"])
        if properties.get("DataProtectionPolicy") or not properties:
            policy = await ctx.operation("sns", "GetDataProtectionPolicy", ResourceArn=physical_id)
            if policy["DataProtectionPolicy"]:
                settings["DataProtectionPolicy"] = json.loads(policy["DataProtectionPolicy"])
        logging = _logging(live)
        if logging:
            settings["DeliveryStatusLogging"] = logging
        return {**settings, **identity, "Subscription": subscriptions}


def _attributes(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes of SetTopicAttributes, those of delivery status logs by protocol."""
    result = attributes(properties, *_WITHOUT)
    for one in properties.get("DeliveryStatusLogging") or ():
        prefix = _PREFIXES.get(str(one.get("Protocol", "")).lower())
        if prefix is None:
            raise AwsError(
                "ValidationError", f"DeliveryStatusLogging has no Protocol {one.get('Protocol')!r}"
            )
        result |= {prefix + name: value for name, value in attributes(one, *_LOGGING).items()}
    return result


def _logging(live: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the topic's attributes of delivery status logs as DeliveryStatusLogging has them."""
    found = []
    for protocol, prefix in _PREFIXES.items():
        settings = {name: live[prefix + name] for name in _LOGGING if prefix + name in live}
        if settings:
            found.append({"Protocol": protocol, **settings})
    return found


def _protection(properties: Mapping[str, Any]) -> str:
    policy = properties.get("DataProtectionPolicy")
    return text(policy) if policy else ""


def _topic_arn(name: str, ctx: ResourceContext) -> str:
    return arn("sns", ctx.call.scope.region, ctx.call.scope.account, name)


def _is_fifo(properties: Mapping[str, Any]) -> bool:
    return text(properties.get("FifoTopic", False)).lower() == "true"


def _subscriptions(properties: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(str(one["Protocol"]), str(one["Endpoint"])) for one in properties.get("Subscription") or ()]


async def _refuse_foreign_topic(topic: str, ctx: ResourceContext) -> None:
    """Raise AwsError if the topic exists and is not the stack's own.

    CreateTopic would return an equal one of others.
    """
    try:
        tags = await ctx.inspect("sns", "ListTagsForResource", ResourceArn=topic)
    except AwsError as error:
        if is_gone(error):
            return
        raise
    if not belongs_to_resource(tag_map(tags["Tags"]), ctx):
        raise exists_elsewhere(topic.rpartition(":")[2])


async def _subscribe(topic: str, protocol: str, endpoint: str, ctx: ResourceContext) -> None:
    await ctx.operation("sns", "Subscribe", TopicArn=topic, Protocol=protocol, Endpoint=endpoint)


async def _resubscribe(
    topic: str, old: list[tuple[str, str]], new: list[tuple[str, str]], ctx: ResourceContext
) -> None:
    surplus = set(old) - set(new)
    for one in await _listed_subscriptions(topic, ctx) if surplus else ():
        confirmed = one["SubscriptionArn"].startswith("arn:")
        if confirmed and (one["Protocol"], one["Endpoint"]) in surplus:
            await ctx.operation("sns", "Unsubscribe", SubscriptionArn=one["SubscriptionArn"])
    for protocol, endpoint in new:
        if (protocol, endpoint) not in old:
            await _subscribe(topic, protocol, endpoint, ctx)


async def _retag(topic: str, tags: Mapping[str, str], ctx: ResourceContext) -> None:
    existing = tag_map((await ctx.operation("sns", "ListTagsForResource", ResourceArn=topic))["Tags"])
    surplus = sorted(set(existing) - set(tags))
    if surplus:
        await ctx.operation("sns", "UntagResource", ResourceArn=topic, TagKeys=surplus)
    if existing != dict(tags):
        await ctx.operation("sns", "TagResource", ResourceArn=topic, Tags=as_list(tags))


def _resource(topic: str) -> Resource:
    return Resource(topic, {"TopicArn": topic, "TopicName": topic.rpartition(":")[2]})


async def _listed_subscriptions(topic: str, ctx: ResourceContext) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token: str | None = ""
    while token is not None:
        more = {"NextToken": token} if token else {}
        page = await ctx.operation("sns", "ListSubscriptionsByTopic", TopicArn=topic, **more)
        found += page["Subscriptions"]
        token = page.get("NextToken")
    return found
