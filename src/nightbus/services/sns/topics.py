"""Topics: made, listed, described and deleted."""

from __future__ import annotations

import json
import re
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.ids import new_hex
from nightbus.aws.pagination import page
from nightbus.messaging.deduplication import log_of
from nightbus.messaging.queue import FIFO_SUFFIX
from nightbus.messaging.topic import (
    ENDED,
    SUBSCRIPTION,
    TOPIC,
    Topic,
    subscription_key,
    topic_arn,
)
from nightbus.services.context import Context
from nightbus.services.sns.endpoints import check_size
from nightbus.services.sns.errors import attributes_named, invalid, invalid_token
from nightbus.services.sns.records import change_topic, topic_record
from nightbus.services.sns.tags import as_map
from nightbus.services.sns.values import check_topic_attribute
from nightbus.store.interface import DeleteRecord, PutRecord, Record, TrimLog

_SHOWN_EMPTY = frozenset({"DisplayName"})
_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PAGE = 100
_EFFECTIVE = (
    '{"http":{"defaultHealthyRetryPolicy":{"minDelayTarget":20,"maxDelayTarget":20,"numRetries":3,'
    '"numMaxDelayRetries":0,"numNoDelayRetries":0,"numMinDelayRetries":0,"backoffFunction":"linear"},'
    '"disableSubscriptionOverrides":false,"defaultRequestPolicy":{"headerContentType":"text/plain; charset=UTF-8"}}}'
)
_ACTIONS = [
    "SNS:GetTopicAttributes", "SNS:SetTopicAttributes", "SNS:AddPermission", "SNS:RemovePermission",
    "SNS:DeleteTopic", "SNS:Subscribe", "SNS:ListSubscriptionsByTopic", "SNS:Publish",
]  # fmt: skip


async def create_topic(
    ctx: Context,
    *,
    name: str,
    attributes: dict[str, str] | None = None,
    tags: list[dict[str, str]] | None = None,
    data_protection_policy: str | None = None,
) -> dict[str, Any]:
    if data_protection_policy:
        raise not_supported("sns", "CreateTopic", "DataProtectionPolicy")
    given = attributes or {}
    fifo = given.get("FifoTopic") == "true"
    plain = name.removesuffix(FIFO_SUFFIX) if fifo else name
    if not _NAME.fullmatch(plain) or (fifo and plain == name):
        raise invalid("Topic Name")
    with attributes_named():
        for attribute, value in given.items():
            check_topic_attribute(attribute, value, fifo or attribute == "FifoTopic")
    kept = {attribute: value for attribute, value in given.items() if attribute != "FifoTopic"}
    made = {"id": new_hex(12), "attributes": kept, "tags": as_map(tags or []), "deleted": 0}
    arn = topic_arn(ctx.scope, name)
    if await ctx.store.get(ctx.scope, TOPIC, name) is not None:
        await _check_same(ctx, arn, kept, as_map(tags or []), bool(tags))
    else:
        await ctx.store.commit(PutRecord(ctx.scope, TOPIC, name, made, expect=0))
    return {"TopicArn": arn}


async def _check_same(
    ctx: Context, arn: str, attributes: dict[str, str], tags: dict[str, str], tagged: bool
) -> None:
    """A topic may be made again as it is."""
    _, record = await topic_record(ctx, arn)
    standing = record.value["attributes"]
    if any(standing.get(name) != value for name, value in attributes.items()):
        raise invalid("Attributes Reason: Topic already exists with different attributes")
    if tagged and record.value["tags"] != tags:
        raise invalid("Tags Reason: Topic already exists with different tags")


async def delete_topic(ctx: Context, *, topic_arn: str) -> None:
    """A topic that is not there is deleted as well; its subscriptions go with it."""
    try:
        scope, record = await topic_record(ctx, topic_arn, "SNS:DeleteTopic")
    except AwsError as error:
        if error.code == "NotFound":
            return
        raise
    name, topic = record.key, Topic.of(scope, record, ())
    subscriptions = [
        DeleteRecord(scope, kind, one.key)
        for kind in (SUBSCRIPTION, ENDED)
        for one in await ctx.store.list(scope, kind, prefix=subscription_key(name))
    ]
    await ctx.store.commit(
        DeleteRecord(scope, TOPIC, name),
        *subscriptions,
        TrimLog(scope, log_of(topic.topic), ended=True),
    )
    ctx.platform.topics.ended(topic)


async def list_topics(ctx: Context, *, next_token: str | None = None) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, TOPIC)
    chosen, token = page(records, lambda record: record.key, _PAGE, next_token, invalid_token())
    return {
        "Topics": [{"TopicArn": topic_arn(ctx.scope, record.key)} for record in chosen],
        "NextToken": token,
    }


async def get_topic_attributes(ctx: Context, *, topic_arn: str) -> dict[str, Any]:
    scope, record = await topic_record(ctx, topic_arn, "SNS:GetTopicAttributes")
    subscriptions = await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(record.key))
    confirmed = sum(one.value["confirmed"] for one in subscriptions)
    fifo = record.key.endswith(FIFO_SUFFIX)
    known = {
        "TopicArn": topic_arn,
        "Owner": scope.account,
        "DisplayName": "",
        "Policy": default_policy(topic_arn, scope.account),
        "EffectiveDeliveryPolicy": _effective(record),
        "SubscriptionsConfirmed": str(confirmed),
        "SubscriptionsPending": str(len(subscriptions) - confirmed),
        "SubscriptionsDeleted": str(record.value["deleted"]),
    }
    if fifo:
        known |= {"FifoTopic": "true", "ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic"}
    return {"Attributes": {**known, **record.value["attributes"]}}


def _effective(record: Record) -> str:
    given = record.value["attributes"].get("DeliveryPolicy")
    if not given:
        return _EFFECTIVE
    effective = json.loads(_EFFECTIVE)
    for name, part in (json.loads(given).get("http") or {}).items():
        standing = effective["http"].get(name)
        effective["http"][name] = {**standing, **part} if isinstance(standing, dict) else part
    return json.dumps(effective, separators=(",", ":"))


def default_policy(arn: str, account: str) -> str:
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": _ACTIONS,
        "Resource": arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account}},
    }
    policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    return json.dumps(policy, separators=(",", ":"))


async def set_topic_attributes(
    ctx: Context, *, topic_arn: str, attribute_name: str, attribute_value: str = ""
) -> None:
    def changed(record: Record) -> dict[str, Any]:
        if attribute_name == "FifoTopic":
            raise invalid("AttributeName")
        check_topic_attribute(attribute_name, attribute_value, record.key.endswith(FIFO_SUFFIX))
        if attribute_name == "MaximumMessageSize":
            for subscription in subscriptions:
                check_size(subscription.value["protocol"], int(attribute_value))
        attributes = {**record.value["attributes"], attribute_name: attribute_value}
        if not attribute_value and attribute_name not in _SHOWN_EMPTY:
            del attributes[attribute_name]
        return {**record.value, "attributes": attributes}

    scope, topic = await topic_record(ctx, topic_arn, "SNS:SetTopicAttributes")
    subscriptions = await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(topic.key))
    await change_topic(ctx, topic_arn, changed)
