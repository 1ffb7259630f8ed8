"""Subscribes endpoints, unsubscribes them, and lists subscriptions."""

from __future__ import annotations

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
from nightbus.services.sns.archives.starting import started_replay
from nightbus.services.sns.callers import is_signed
from nightbus.services.sns.errors import (
    bad_parameter,
    errors_name_attributes,
    invalid_next_token,
    not_authorized,
)
from nightbus.services.sns.push.records import ENDPOINT, endpoint_key
from nightbus.services.sns.records import (
    change_subscription,
    subscription_record,
    topic_of,
    topic_record,
)
from nightbus.services.sns.subscriptions.confidential import endpoint_of, kept_endpoint
from nightbus.services.sns.subscriptions.endpoints import (
    CONFIRMED_AT_ONCE,
    check_endpoint,
    check_largest_message,
    is_confirmed_at_once,
)
from nightbus.services.sns.subscriptions.questions import RESTORE, SUBSCRIBE, confirmation_request
from nightbus.services.sns.subscriptions.values import check_subscription_attribute
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record, RequireRecord

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
    condition_values = {"sns:protocol": protocol, "sns:endpoint": endpoint or ""}
    scope, topic = await topic_record(ctx, topic_arn, "SNS:Subscribe", condition_values)
    requested = {name: value for name, value in (attributes or {}).items() if value}
    by_body, fifo = requested.get("FilterPolicyScope") == BODY_SCOPE, topic.key.endswith(FIFO_SUFFIX)
    with errors_name_attributes():
        for name, value in requested.items():
            check_subscription_attribute(name, value, protocol, by_body, scope, fifo)
    check_endpoint(topic.key, protocol, endpoint or "", ctx.platform.forwards)
    if protocol == "application":
        await _check_application_endpoint(ctx, endpoint or "")
    check_largest_message(protocol, int(topic.value["attributes"].get("MaximumMessageSize", 0)))
    existing = await _standing(ctx, scope, topic.key, protocol, endpoint or "")
    if existing is None:
        existing = await _make(ctx, scope, topic, protocol, endpoint or "", requested)
    elif any(existing.value["attributes"].get(name) != value for name, value in requested.items()):
        raise bad_parameter("Attributes Reason: Subscription already exists with different attributes")
    elif not existing.value["confirmed"]:
        await _repeat_request(ctx, scope, existing)
    show_arn = existing.value["confirmed"] or return_subscription_arn
    return {"SubscriptionArn": subscription_arn(scope, existing.key) if show_arn else _PENDING}


async def _check_application_endpoint(ctx: Context, endpoint: str) -> None:
    place = endpoint_key(endpoint)
    if place is None or await ctx.store.get(place[0], ENDPOINT, place[1]) is None:
        raise bad_parameter(f"Endpoint Reason: Endpoint does not exist for endpoint {endpoint}")


async def _standing(ctx: Context, scope: Scope, topic: str, protocol: str, endpoint: str) -> Record | None:
    for record in await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(topic)):
        if record.value["protocol"] == protocol and endpoint_of(ctx.platform.vault, record.value) == endpoint:
            return record
    return None


async def _make(
    ctx: Context, scope: Scope, topic: Record, protocol: str, endpoint: str, attributes: dict[str, str]
) -> Record:
    confirmed = is_confirmed_at_once(protocol, endpoint, ctx.account)
    now = ctx.now_ms()
    value: dict[str, Any] = {
        "protocol": protocol,
        **await kept_endpoint(ctx.platform.vault, endpoint),
        "attributes": attributes,
        "confirmed": confirmed,
        "token": "" if confirmed else new_hex(64),
        "asked": now,
        "principal": ctx.caller.arn,
        "owner": ctx.account,
    }
    key = subscription_key(topic.key, _next_id(topic, protocol, endpoint))
    replaying = started_replay(scope, topic, key, attributes.get("ReplayPolicy", ""), now)
    if replaying is not None:
        value["replay"] = replaying[0]
    changes: list[Change] = [
        PutRecord(scope, SUBSCRIPTION, key, value, expect=0),
        RequireRecord(scope, TOPIC, topic.key, topic.revision),
    ]
    if replaying is not None:
        changes.append(replaying[1])
    if not confirmed:
        changes += confirmation_request(SUBSCRIBE, scope, key, now)
    await ctx.store.commit(*changes)
    return Record(key, value, 1)


def _next_id(topic: Record, protocol: str, endpoint: str) -> str:
    """Return the id of a new subscription, derived from the topic, its number of deletions, and the endpoint.

    Two concurrent requests for the same endpoint get the same id, and so one subscription. After an unsubscription the
    next request gets another id.
    """
    name = f"{topic.value['id']}|{topic.value['deleted']}|{protocol}|{endpoint}"
    return str(uuid5(NAMESPACE_URL, name))


async def _repeat_request(ctx: Context, scope: Scope, record: Record) -> None:
    """Send the token again to an endpoint that is subscribed again before it has confirmed."""
    arn, now = subscription_arn(scope, record.key), ctx.now_ms()
    await change_subscription(ctx, arn, lambda record: {**record.value, "asked": now})
    await ctx.store.commit(*confirmation_request(SUBSCRIBE, scope, record.key, now))


async def unsubscribe(ctx: Context, *, subscription_arn: str) -> None:
    """End a subscription. Succeeds if there is none."""
    try:
        scope, record = await subscription_record(ctx, subscription_arn)
    except AwsError as error:
        if error.code == "NotFound":
            return
        raise
    if not record.value["confirmed"]:
        if ctx.caller.service == _STACKS:
            return  # as on AWS, deleting a stack leaves an unconfirmed subscription until it expires
        text = "Cannot unsubscribe a subscription that is pending confirmation"
        raise bad_parameter(f"SubscriptionArn Reason: {text}")
    _check_may_end(ctx, scope, subscription_arn, record)
    await ctx.store.commit(*await _end_subscription(ctx, scope, record))


def _check_may_end(ctx: Context, scope: Scope, arn: str, record: Record) -> None:
    """Raise AwsError AuthorizationError unless the caller may unsubscribe.

    The owners of the subscription and of the topic may. So may everyone who knows the ARN, unless the endpoint needs no
    confirmation or the confirmation asked for AuthenticateOnUnsubscribe.
    """
    value, signed = record.value, is_signed(ctx.caller)
    if signed and ctx.caller.account in (value["owner"], scope.account):
        return
    if value["protocol"] in CONFIRMED_AT_ONCE or value.get("guarded"):
        caller = ctx.caller.arn if signed else "anonymous"
        raise not_authorized(
            f"User: {caller} is not authorized to perform: SNS:Unsubscribe on resource: {arn}"
        )


async def _end_subscription(ctx: Context, scope: Scope, record: Record) -> list[Change]:
    """Return the changes that end a subscription.

    If its owner did not end it, the endpoint is told and may restore it.
    """
    changes: list[Change] = [DeleteRecord(scope, SUBSCRIPTION, record.key, record.revision)]
    topic = await ctx.store.get(scope, TOPIC, record.key.partition(":")[0])
    if topic is not None:
        counted = {**topic.value, "deleted": topic.value["deleted"] + 1}
        changes.append(PutRecord(scope, TOPIC, topic.key, counted, topic.revision))
    by_owner = is_signed(ctx.caller) and ctx.account == record.value["owner"]
    if not by_owner and record.value["protocol"] not in CONFIRMED_AT_ONCE:
        now = ctx.now_ms()
        ended_value = {**record.value, "confirmed": False, "token": new_hex(64), "asked": now}
        changes.append(PutRecord(scope, ENDED, record.key, ended_value))
        changes += confirmation_request(RESTORE, scope, record.key, now)
    return changes


async def list_subscriptions(ctx: Context, *, next_token: str | None = None) -> dict[str, Any]:
    """List the caller's subscriptions, also those to other accounts' topics, and not those of others to its topics."""
    subscriptions = [
        (scope, record)
        for scope in await ctx.store.scopes(SUBSCRIPTION)
        if scope.region == ctx.region
        for record in await ctx.store.list(scope, SUBSCRIPTION)
        if record.value["owner"] == ctx.account
    ]
    return _page(sorted(subscriptions, key=lambda one: one[1].key), next_token)


async def list_subscriptions_by_topic(
    ctx: Context, *, topic_arn: str, next_token: str | None = None
) -> dict[str, Any]:
    scope, topic = await topic_record(ctx, topic_arn, "SNS:ListSubscriptionsByTopic")
    records = await ctx.store.list(scope, SUBSCRIPTION, prefix=subscription_key(topic.key))
    return _page([(scope, record) for record in records], next_token)


def _page(subscriptions: list[tuple[Scope, Record]], token: str | None) -> dict[str, Any]:
    page_items, following = page(subscriptions, lambda one: one[1].key, _PAGE, token, invalid_next_token())
    return {"Subscriptions": [_subscription_entry(*one) for one in page_items], "NextToken": following}


def _subscription_entry(scope: Scope, record: Record) -> dict[str, str]:
    confirmed = record.value["confirmed"]
    return {
        "SubscriptionArn": subscription_arn(scope, record.key) if confirmed else "PendingConfirmation",
        "Owner": record.value["owner"],
        "Protocol": record.value["protocol"],
        "Endpoint": record.value["endpoint"],
        "TopicArn": topic_of(scope, record.key),
    }
