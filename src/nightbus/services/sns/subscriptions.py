"""Subscriptions: who gets what is published, once he has agreed."""

from __future__ import annotations

import hmac
from typing import Any
from urllib.parse import urlsplit

import orjson

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.ids import new_hex, new_uuid
from nightbus.aws.pagination import page
from nightbus.messaging.queue import FIFO_SUFFIX, queue_place
from nightbus.messaging.topic import BODY_SCOPE, SUBSCRIPTION, subscription_arn, subscription_key
from nightbus.messaging.topics import DELIVERIES
from nightbus.services.context import Context
from nightbus.services.sns.errors import invalid, invalid_token
from nightbus.services.sns.records import (
    change_subscription,
    subscription_record,
    topic_of,
    topic_record,
)
from nightbus.services.sns.values import check_subscription_attribute
from nightbus.store.interface import SYSTEM, Change, Conflict, DeleteRecord, Enqueue, PutRecord, Record

_PAGE = 100
_PENDING = "pending confirmation"
_CONFIRMED_AT_ONCE = ("sqs", "lambda")
_ASKED = ("http", "https")
_ELSEWHERE = ("email", "email-json", "sms", "application", "firehose")
_REMOVED_WHEN_EMPTY = ("FilterPolicy", "RedrivePolicy", "DeliveryPolicy")


async def subscribe(
    ctx: Context,
    *,
    topic_arn: str,
    protocol: str,
    endpoint: str | None = None,
    attributes: dict[str, str] | None = None,
    return_subscription_arn: bool = False,
) -> dict[str, Any]:
    scope, topic = await topic_record(ctx, topic_arn)
    given = {name: value for name, value in (attributes or {}).items() if value}
    _check_endpoint(topic.key, protocol, endpoint or "")
    by_body = given.get("FilterPolicyScope") == BODY_SCOPE
    for name, value in given.items():
        check_subscription_attribute(name, value, protocol, by_body)
    standing = await _standing(ctx, scope, topic.key, protocol, endpoint or "")
    if standing is None:
        standing = await _make(ctx, scope, topic, protocol, endpoint or "", given)
    elif any(standing.value["attributes"].get(name) != value for name, value in given.items()):
        raise invalid("Attributes Reason: Subscription already exists with different attributes")
    shown = standing.value["confirmed"] or return_subscription_arn
    return {"SubscriptionArn": subscription_arn(scope, standing.key) if shown else _PENDING}


def _check_endpoint(topic: str, protocol: str, endpoint: str) -> None:
    if protocol in _ELSEWHERE:
        raise not_supported("sns", "Subscribe", f"protocol {protocol}")
    if protocol not in (*_CONFIRMED_AT_ONCE, *_ASKED):
        raise invalid(f"Amazon SNS: Does not support this protocol string: {protocol}")
    fifo = topic.endswith(FIFO_SUFFIX)
    if protocol == "sqs":
        place = queue_place(endpoint)
        if place is None:
            raise invalid("SQS endpoint ARN")
        if place[1].endswith(FIFO_SUFFIX) and not fifo:
            raise invalid(
                "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
            )
    elif fifo:
        raise invalid(f"Invalid protocol type: {protocol}")
    elif protocol == "lambda":
        if not _is_function(endpoint):
            raise invalid("Lambda endpoint ARN")
    else:
        _check_url(protocol, endpoint)


def _is_function(text: str) -> bool:
    try:
        parsed = Arn.parse(text)
    except ValueError:
        return False
    return parsed.service == "lambda" and parsed.resource.startswith("function:")


def _check_url(protocol: str, endpoint: str) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme != protocol:
        raise invalid("Endpoint must match the specified protocol")
    if not parts.hostname:
        raise invalid("Endpoint")


async def _standing(ctx: Context, scope: Scope, topic: str, protocol: str, endpoint: str) -> Record | None:
    for record in await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(topic)):
        if record.value["protocol"] == protocol and record.value["endpoint"] == endpoint:
            return record
    return None


async def _make(
    ctx: Context, scope: Scope, topic: Record, protocol: str, endpoint: str, attributes: dict[str, str]
) -> Record:
    confirmed = protocol in _CONFIRMED_AT_ONCE
    value = {
        "protocol": protocol,
        "endpoint": endpoint,
        "attributes": attributes,
        "confirmed": confirmed,
        "token": "" if confirmed else new_hex(64),
        "principal": ctx.caller.arn,
        "owner": ctx.account,
    }
    key = subscription_key(topic.key, new_uuid())
    changes: list[Change] = [PutRecord(scope, SUBSCRIPTION, key, value, expect=0)]
    if not confirmed:
        changes.append(_question(ctx, scope, key))
    await ctx.store.commit(*changes)
    ctx.platform.topics.changed(topic_of(scope, key))
    return Record(key, value, 1)


def _question(ctx: Context, scope: Scope, key: str) -> Enqueue:
    """The delivery that asks the endpoint whether it wants to subscribe."""
    now = ctx.now_ms()
    question = {"scope": list(scope), "subscription": key, "attempt": 1, "asked": now}
    return Enqueue(SYSTEM, DELIVERIES, orjson.dumps(question), now)


async def confirm_subscription(
    ctx: Context, *, topic_arn: str, token: str, authenticate_on_unsubscribe: str | None = None
) -> dict[str, Any]:
    scope, topic = await topic_record(ctx, topic_arn)
    for record in await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(topic.key)):
        known = record.value["token"]
        if known and hmac.compare_digest(known, token):
            value = {
                **record.value,
                "confirmed": True,
                "authenticated": authenticate_on_unsubscribe == "true",
            }
            await ctx.store.commit(PutRecord(scope, SUBSCRIPTION, record.key, value))
            ctx.platform.topics.changed(topic_arn)
            return {"SubscriptionArn": subscription_arn(scope, record.key)}
    raise invalid("Token")


async def unsubscribe(ctx: Context, *, subscription_arn: str) -> None:
    try:
        scope, record = await subscription_record(ctx, subscription_arn)
    except AwsError as error:
        if error.code == "NotFound":
            return
        raise
    topic = topic_of(scope, record.key)
    try:
        await ctx.store.commit(DeleteRecord(scope, SUBSCRIPTION, record.key, record.revision))
    except Conflict:
        await unsubscribe(ctx, subscription_arn=subscription_arn)
    ctx.platform.topics.changed(topic)


async def list_subscriptions(ctx: Context, *, next_token: str | None = None) -> dict[str, Any]:
    return _page(ctx.scope, await ctx.store.list(ctx.scope, SUBSCRIPTION), next_token)


async def list_subscriptions_by_topic(
    ctx: Context, *, topic_arn: str, next_token: str | None = None
) -> dict[str, Any]:
    scope, topic = await topic_record(ctx, topic_arn)
    records = await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(topic.key))
    return _page(scope, records, next_token)


def _page(scope: Scope, records: list[Record], token: str | None) -> dict[str, Any]:
    chosen, following = page(records, lambda record: record.key, _PAGE, token, invalid_token())
    return {"Subscriptions": [_shown(scope, record) for record in chosen], "NextToken": following}


def _shown(scope: Scope, record: Record) -> dict[str, str]:
    confirmed = record.value["confirmed"]
    return {
        "SubscriptionArn": subscription_arn(scope, record.key) if confirmed else "PendingConfirmation",
        "Owner": record.value["owner"],
        "Protocol": record.value["protocol"],
        "Endpoint": record.value["endpoint"],
        "TopicArn": topic_of(scope, record.key),
    }


async def get_subscription_attributes(ctx: Context, *, subscription_arn: str) -> dict[str, Any]:
    scope, record = await subscription_record(ctx, subscription_arn)
    value = record.value
    known = {
        "SubscriptionArn": subscription_arn,
        "TopicArn": topic_of(scope, record.key),
        "Owner": value["owner"],
        "Protocol": value["protocol"],
        "Endpoint": value["endpoint"],
        "RawMessageDelivery": "false",
        "PendingConfirmation": "false" if value["confirmed"] else "true",
        "ConfirmationWasAuthenticated": "true"
        if value["protocol"] in _CONFIRMED_AT_ONCE or value.get("authenticated")
        else "false",
        "SubscriptionPrincipal": value["principal"],
    }
    if "FilterPolicy" in value["attributes"]:
        known["FilterPolicyScope"] = "MessageAttributes"
    return {"Attributes": {**known, **value["attributes"]}}


async def set_subscription_attributes(
    ctx: Context, *, subscription_arn: str, attribute_name: str, attribute_value: str = ""
) -> None:
    def changed(record: Record) -> dict[str, Any]:
        attributes: dict[str, str] = dict(record.value["attributes"])
        if not attribute_value and attribute_name in _REMOVED_WHEN_EMPTY:
            attributes.pop(attribute_name, None)
            return {**record.value, "attributes": attributes}
        attributes[attribute_name] = attribute_value
        by_body = attributes.get("FilterPolicyScope") == BODY_SCOPE
        for name in {attribute_name, "FilterPolicy"} & set(attributes):
            check_subscription_attribute(name, attributes[name], record.value["protocol"], by_body)
        return {**record.value, "attributes": attributes}

    await change_subscription(ctx, subscription_arn, changed)
