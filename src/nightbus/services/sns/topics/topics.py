"""Creates, lists, describes and deletes topics."""

from __future__ import annotations

import json
import re
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex
from nightbus.aws.pagination import page
from nightbus.messaging.deduplication import log_of
from nightbus.messaging.notification import timestamp
from nightbus.messaging.queue import FIFO_SUFFIX
from nightbus.messaging.topic import (
    ENDED,
    SUBSCRIPTION,
    TOPIC,
    Topic,
    archive_log,
    subscription_key,
    topic_arn,
)
from nightbus.services.context import Context
from nightbus.services.known_principals import named_principals
from nightbus.services.sns.archives.policies import archive_ms
from nightbus.services.sns.errors import bad_parameter, errors_name_attributes, invalid_next_token
from nightbus.services.sns.records import change_topic, topic_record
from nightbus.services.sns.subscriptions.endpoints import check_largest_message
from nightbus.services.sns.topics.data_protection import POLICY, check_data_protection
from nightbus.services.sns.topics.tags import merged_tags
from nightbus.services.sns.topics.values import check_topic_attribute
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
    requested = attributes or {}
    fifo = requested.get("FifoTopic") == "true"
    plain = name.removesuffix(FIFO_SUFFIX) if fifo else name
    if not _NAME.fullmatch(plain) or (fifo and plain == name):
        raise bad_parameter("Topic Name")
    with errors_name_attributes():
        for attribute, value in requested.items():
            check_topic_attribute(attribute, value, fifo or attribute == "FifoTopic")
    principals = await _check_principals(ctx, ctx.account, requested.get("Policy"))
    stored_attributes = {
        attribute: value
        for attribute, value in requested.items()
        if attribute != "FifoTopic" and not (attribute == "ArchivePolicy" and not archive_ms(value))
    }
    topic = {
        "id": new_hex(12),
        "attributes": stored_attributes,
        "tags": merged_tags(tags or []),
        "deleted": 0,
        "archive_began": ctx.now_ms(),
    }
    if data_protection_policy:
        check_data_protection(data_protection_policy, fifo)
        topic[POLICY] = data_protection_policy
    arn = topic_arn(ctx.scope, name)
    if await ctx.store.get(ctx.scope, TOPIC, name) is not None:
        await _check_unchanged(ctx, arn, stored_attributes, merged_tags(tags or []), bool(tags))
    else:
        await ctx.store.commit(PutRecord(ctx.scope, TOPIC, name, topic, expect=0), *principals)
    return {"TopicArn": arn}


async def _check_unchanged(
    ctx: Context, arn: str, attributes: dict[str, str], tags: dict[str, str], tagged: bool
) -> None:
    """Raise AwsError if the existing topic has other attributes or tags than the request."""
    _, record = await topic_record(ctx, arn)
    existing = record.value["attributes"]
    if any(existing.get(name) != value for name, value in attributes.items()):
        raise bad_parameter("Attributes Reason: Topic already exists with different attributes")
    if tagged and record.value["tags"] != tags:
        raise bad_parameter("Tags Reason: Topic already exists with different tags")


async def delete_topic(ctx: Context, *, topic_arn: str) -> None:
    """Delete a topic with its subscriptions. Succeeds if there is none."""
    try:
        scope, record = await topic_record(ctx, topic_arn, "SNS:DeleteTopic")
    except AwsError as error:
        if error.code == "NotFound":
            return
        raise
    name, topic = record.key, Topic.of(scope, record, ())
    if topic.archived:
        raise AwsError("InvalidState", "Invalid state: Topic with an active ArchivePolicy cannot be deleted")
    subscriptions = [
        DeleteRecord(scope, kind, one.key)
        for kind in (SUBSCRIPTION, ENDED)
        for one in await ctx.store.list(scope, kind, prefix=subscription_key(name))
    ]
    await ctx.store.commit(
        DeleteRecord(scope, TOPIC, name, expect=record.revision),  # as it was when it had no archive policy
        *subscriptions,
        TrimLog(scope, log_of(topic.topic), ended=True),
        TrimLog(scope, archive_log(topic.topic), ended=True),
    )
    ctx.platform.topics.ended(topic)


async def list_topics(ctx: Context, *, next_token: str | None = None) -> dict[str, Any]:
    records = await ctx.store.list(ctx.scope, TOPIC)
    page_items, token = page(records, lambda record: record.key, _PAGE, next_token, invalid_next_token())
    return {
        "Topics": [{"TopicArn": topic_arn(ctx.scope, record.key)} for record in page_items],
        "NextToken": token,
    }


async def get_topic_attributes(ctx: Context, *, topic_arn: str) -> dict[str, Any]:
    scope, record = await topic_record(ctx, topic_arn, "SNS:GetTopicAttributes")
    subscriptions = await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(record.key))
    confirmed = sum(one.value["confirmed"] for one in subscriptions)
    fifo = record.key.endswith(FIFO_SUFFIX)
    attributes = {
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
        attributes |= {
            "FifoTopic": "true",
            "ContentBasedDeduplication": "false",
        }
    kept = archive_ms(record.value["attributes"].get("ArchivePolicy"))
    if kept:
        oldest = max(record.value.get("archive_began", 0), ctx.now_ms() - kept)
        attributes["BeginningArchiveTime"] = timestamp(oldest)
    return {"Attributes": {**attributes, **record.value["attributes"]}}


def _has_archive(record: Record) -> bool:
    return "ArchivePolicy" in record.value["attributes"]


def _effective(record: Record) -> str:
    delivery_policy = record.value["attributes"].get("DeliveryPolicy")
    if not delivery_policy:
        return _EFFECTIVE
    effective = json.loads(_EFFECTIVE)
    for name, part in (json.loads(delivery_policy).get("http") or {}).items():
        existing = effective["http"].get(name)
        effective["http"][name] = {**existing, **part} if isinstance(existing, dict) else part
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


async def _check_principals(ctx: Context, account: str, policy: str | None) -> tuple[PutRecord, ...]:
    """Return what belongs into the commit that stores the policy, which was checked by its grammar.

    Raises AwsError InvalidParameter for a user or role that does not exist.
    """
    named = await named_principals(ctx, account, policy)
    if named.unknown is not None:
        raise bad_parameter("Policy Error: PrincipalNotFound")
    return named.changes


async def set_topic_attributes(
    ctx: Context, *, topic_arn: str, attribute_name: str, attribute_value: str = ""
) -> None:
    def changed(record: Record) -> dict[str, Any]:
        if attribute_name == "FifoTopic":
            raise bad_parameter("AttributeName")
        check_topic_attribute(attribute_name, attribute_value, record.key.endswith(FIFO_SUFFIX))
        if attribute_name == "MaximumMessageSize":
            for subscription in subscriptions:
                check_largest_message(subscription.value["protocol"], int(attribute_value))
        attributes = {**record.value["attributes"], attribute_name: attribute_value}
        if not attribute_value and attribute_name not in _SHOWN_EMPTY:
            del attributes[attribute_name]
        if attribute_name != "ArchivePolicy":
            return {**record.value, "attributes": attributes}
        if not archive_ms(attribute_value):
            attributes.pop(attribute_name, None)
        began = record.value.get("archive_began", 0) if _has_archive(record) else ctx.now_ms()
        return {**record.value, "attributes": attributes, "archive_began": began}

    scope, topic = await topic_record(ctx, topic_arn, "SNS:SetTopicAttributes")
    principals: tuple[PutRecord, ...] = ()
    if attribute_name == "Policy":
        check_topic_attribute(attribute_name, attribute_value, topic.key.endswith(FIFO_SUFFIX))
        principals = await _check_principals(ctx, scope.account, attribute_value)
    subscriptions = await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(topic.key))
    await change_topic(ctx, topic_arn, changed, *principals)
