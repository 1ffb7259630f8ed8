"""Subscriptions: who gets what is published, once he has agreed."""

from __future__ import annotations

import logging
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_hex
from nightbus.aws.pagination import page
from nightbus.messaging.queue import FIFO_SUFFIX
from nightbus.messaging.topic import (
    BODY_SCOPE,
    ENDED,
    SUBSCRIPTION,
    TOPIC,
    subscription_arn,
    subscription_key,
)
from nightbus.services.context import Context
from nightbus.services.sns.callers import is_signed
from nightbus.services.sns.deliveries import MAIL
from nightbus.services.sns.endpoints import CONFIRMED_AT_ONCE, check_endpoint, check_size
from nightbus.services.sns.errors import attributes_named, invalid, invalid_token, not_authorized
from nightbus.services.sns.questions import RESTORE, SUBSCRIBE, asking, expiry
from nightbus.services.sns.records import (
    change_subscription,
    subscription_record,
    topic_of,
    topic_record,
)
from nightbus.services.sns.subscription_values import check_subscription_attribute
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record, RequireRecord

log = logging.getLogger("nightbus.sns")

_PAGE = 100
_PENDING = "pending confirmation"
_STACKS = "cloudformation.amazonaws.com"


async def subscribe(
    ctx: Context,
    *,
    topic_arn: str,
    protocol: str,
    endpoint: str | None = None,
    attributes: dict[str, str] | None = None,
    return_subscription_arn: bool = False,
) -> dict[str, Any]:
    asked = {"sns:protocol": protocol, "sns:endpoint": endpoint or ""}
    scope, topic = await topic_record(ctx, topic_arn, "SNS:Subscribe", asked)
    given = {name: value for name, value in (attributes or {}).items() if value}
    check_endpoint(topic.key, protocol, endpoint or "")
    check_size(protocol, int(topic.value["attributes"].get("MaximumMessageSize", 0)))
    by_body, fifo = given.get("FilterPolicyScope") == BODY_SCOPE, topic.key.endswith(FIFO_SUFFIX)
    with attributes_named():
        for name, value in given.items():
            check_subscription_attribute(name, value, protocol, by_body, scope, fifo)
    standing = await _standing(ctx, scope, topic.key, protocol, endpoint or "")
    if standing is None:
        standing = await _make(ctx, scope, topic, protocol, endpoint or "", given)
    elif any(standing.value["attributes"].get(name) != value for name, value in given.items()):
        raise invalid("Attributes Reason: Subscription already exists with different attributes")
    elif not standing.value["confirmed"]:
        await _ask_again(ctx, scope, standing)
    shown = standing.value["confirmed"] or return_subscription_arn
    return {"SubscriptionArn": subscription_arn(scope, standing.key) if shown else _PENDING}


async def _standing(ctx: Context, scope: Scope, topic: str, protocol: str, endpoint: str) -> Record | None:
    for record in await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(topic)):
        if record.value["protocol"] == protocol and record.value["endpoint"] == endpoint:
            return record
    return None


async def _make(
    ctx: Context, scope: Scope, topic: Record, protocol: str, endpoint: str, attributes: dict[str, str]
) -> Record:
    confirmed = protocol in CONFIRMED_AT_ONCE
    now = ctx.now_ms()
    value = {
        "protocol": protocol,
        "endpoint": endpoint,
        "attributes": attributes,
        "confirmed": confirmed,
        "token": "" if confirmed else new_hex(64),
        "asked": now,
        "principal": ctx.caller.arn,
        "owner": ctx.account,
    }
    key = subscription_key(topic.key, _next_id(topic, protocol, endpoint))
    changes: list[Change] = [
        PutRecord(scope, SUBSCRIPTION, key, value, expect=0),
        RequireRecord(scope, TOPIC, topic.key, topic.revision),
    ]
    if not confirmed:
        changes += _question(ctx, scope, key, protocol, now)
    await ctx.store.commit(*changes)
    return Record(key, value, 1)


def _next_id(topic: Record, protocol: str, endpoint: str) -> str:
    """Two who subscribe the same endpoint at the same time get the same id, and so one subscription; who does it again
    after an unsubscription gets another one."""
    name = f"{topic.value['id']}|{topic.value['deleted']}|{protocol}|{endpoint}"
    return str(uuid5(NAMESPACE_URL, name))


async def _ask_again(ctx: Context, scope: Scope, record: Record) -> None:
    """Who is subscribed once more before he answered is sent his token once more."""
    arn, now = subscription_arn(scope, record.key), ctx.now_ms()
    await change_subscription(ctx, arn, lambda record: {**record.value, "asked": now})
    await ctx.store.commit(*_question(ctx, scope, record.key, record.value["protocol"], now))


def _question(ctx: Context, scope: Scope, key: str, protocol: str, now: int) -> list[Change]:
    """Asks the endpoint to confirm. By e-mail that takes a server: without one the subscription stays pending."""
    if protocol in MAIL and ctx.platform.mail is None:
        log.warning(
            "the subscription %s stays pending: its confirmation goes by e-mail, and this node has no SMTP server."
            " Name one by NIGHTBUS_SMTP or `smtp` in nightbus.toml, and subscribe again.",
            subscription_arn(scope, key),
        )
        return [expiry(SUBSCRIBE, scope, key, now)]
    return asking(SUBSCRIBE, scope, key, now)


async def unsubscribe(ctx: Context, *, subscription_arn: str) -> None:
    """One that is not there is ended as well."""
    try:
        scope, record = await subscription_record(ctx, subscription_arn)
    except AwsError as error:
        if error.code == "NotFound":
            return
        raise
    if not record.value["confirmed"]:
        if ctx.caller.service == _STACKS:
            return  # as on AWS, a stack leaves what nobody confirmed to be forgotten
        text = "Cannot unsubscribe a subscription that is pending confirmation"
        raise invalid(f"SubscriptionArn Reason: {text}")
    _check_may_end(ctx, scope, subscription_arn, record)
    await ctx.store.commit(*await _ending(ctx, scope, record))


def _check_may_end(ctx: Context, scope: Scope, arn: str, record: Record) -> None:
    """Where not everybody may who knows the ARN: the subscription's owner, and the topic's."""
    value, signed = record.value, is_signed(ctx.caller)
    if signed and ctx.caller.account in (value["owner"], scope.account):
        return
    if value["protocol"] in CONFIRMED_AT_ONCE or value.get("guarded"):
        who = ctx.caller.arn if signed else "anonymous"
        raise not_authorized(f"User: {who} is not authorized to perform: SNS:Unsubscribe on resource: {arn}")


async def _ending(ctx: Context, scope: Scope, record: Record) -> list[Change]:
    """Who did not end it himself is told, and may take it back."""
    changes: list[Change] = [DeleteRecord(scope, SUBSCRIPTION, record.key, record.revision)]
    topic = await ctx.store.get(scope, TOPIC, record.key.partition(":")[0])
    if topic is not None:
        counted = {**topic.value, "deleted": topic.value["deleted"] + 1}
        changes.append(PutRecord(scope, TOPIC, topic.key, counted, topic.revision))
    by_owner = is_signed(ctx.caller) and ctx.account == record.value["owner"]
    if not by_owner and record.value["protocol"] not in CONFIRMED_AT_ONCE:
        now = ctx.now_ms()
        ended = {**record.value, "confirmed": False, "token": new_hex(64), "asked": now}
        changes.append(PutRecord(scope, ENDED, record.key, ended))
        changes += asking(RESTORE, scope, record.key, now)
    return changes


async def list_subscriptions(ctx: Context, *, next_token: str | None = None) -> dict[str, Any]:
    """The caller's own, to others' topics too; those of others to his topics are not among them."""
    found = [
        (scope, record)
        for scope in await ctx.store.scopes(SUBSCRIPTION)
        if scope.region == ctx.region
        for record in await ctx.store.list(scope, SUBSCRIPTION)
        if record.value["owner"] == ctx.account
    ]
    return _page(sorted(found, key=lambda one: one[1].key), next_token)


async def list_subscriptions_by_topic(
    ctx: Context, *, topic_arn: str, next_token: str | None = None
) -> dict[str, Any]:
    scope, topic = await topic_record(ctx, topic_arn, "SNS:ListSubscriptionsByTopic")
    records = await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(topic.key))
    return _page([(scope, record) for record in records], next_token)


def _page(found: list[tuple[Scope, Record]], token: str | None) -> dict[str, Any]:
    chosen, following = page(found, lambda one: one[1].key, _PAGE, token, invalid_token())
    return {"Subscriptions": [_shown(*one) for one in chosen], "NextToken": following}


def _shown(scope: Scope, record: Record) -> dict[str, str]:
    confirmed = record.value["confirmed"]
    return {
        "SubscriptionArn": subscription_arn(scope, record.key) if confirmed else "PendingConfirmation",
        "Owner": record.value["owner"],
        "Protocol": record.value["protocol"],
        "Endpoint": record.value["endpoint"],
        "TopicArn": topic_of(scope, record.key),
    }
