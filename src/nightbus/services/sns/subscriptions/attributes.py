"""Gets and sets the attributes of subscriptions."""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Scope
from nightbus.messaging.queue import FIFO_SUFFIX
from nightbus.messaging.topic import BODY_SCOPE, SUBSCRIPTION
from nightbus.services.context import Context
from nightbus.services.sns.archives.replays import shown_status
from nightbus.services.sns.archives.starting import started_replay
from nightbus.services.sns.deliveries.deliveries import HTTP
from nightbus.services.sns.deliveries.retries import http_delivery
from nightbus.services.sns.errors import not_authorized
from nightbus.services.sns.records import change_subscription, subscription_record, topic_of, topic_record
from nightbus.services.sns.subscriptions.confidential import endpoint_of
from nightbus.services.sns.subscriptions.endpoints import CONFIRMED_AT_ONCE
from nightbus.services.sns.subscriptions.values import check_subscription_attribute
from nightbus.store.interface import Change, PutRecord, Record

_REMOVED_WHEN_EMPTY = ("FilterPolicy", "RedrivePolicy", "DeliveryPolicy")


async def get_subscription_attributes(ctx: Context, *, subscription_arn: str) -> dict[str, Any]:
    scope, record = await subscription_record(ctx, subscription_arn)
    _check_owner(ctx, record)
    value = record.value
    authenticated = value["protocol"] in CONFIRMED_AT_ONCE or value.get("authenticated")
    attributes = {
        "SubscriptionArn": subscription_arn,
        "TopicArn": topic_of(scope, record.key),
        "Owner": value["owner"],
        "Protocol": value["protocol"],
        "Endpoint": endpoint_of(ctx.platform.vault, value),
        "RawMessageDelivery": "false",
        "PendingConfirmation": "false" if value["confirmed"] else "true",
        "ConfirmationWasAuthenticated": "true" if authenticated else "false",
        "SubscriptionPrincipal": value["principal"],
    }
    own_attributes = {**value["attributes"]}
    if "FilterPolicy" in own_attributes:
        attributes["FilterPolicyScope"] = "MessageAttributes"
    else:
        own_attributes.pop("FilterPolicyScope", None)  # shown beside a policy only
    if "replay" in value:
        attributes["ReplayStatus"] = shown_status(value["replay"])
    if value["protocol"] in HTTP:
        _, topic = await topic_record(ctx, attributes["TopicArn"])
        own_policy = own_attributes.get("DeliveryPolicy", "")
        delivery = http_delivery(topic.value["attributes"].get("DeliveryPolicy", ""), own_policy)
        attributes["EffectiveDeliveryPolicy"] = delivery.shown()
    return {"Attributes": {**attributes, **own_attributes}}


async def set_subscription_attributes(
    ctx: Context, *, subscription_arn: str, attribute_name: str, attribute_value: str = ""
) -> None:
    scope, existing = await subscription_record(ctx, subscription_arn)
    _check_owner(ctx, existing)
    if attribute_name == "ReplayPolicy":
        await _set_replay(ctx, scope, existing, attribute_value or "{}")
        return

    def changed(record: Record) -> dict[str, Any]:
        attributes: dict[str, str] = dict(record.value["attributes"])
        if not attribute_value and attribute_name in _REMOVED_WHEN_EMPTY:
            attributes.pop(attribute_name, None)
            return {**record.value, "attributes": attributes}
        attributes[attribute_name] = attribute_value
        by_body = attributes.get("FilterPolicyScope") == BODY_SCOPE
        affected = {attribute_name}
        if attribute_name == "FilterPolicyScope":
            affected.add("FilterPolicy")
        for name in affected & set(attributes):
            protocol, fifo = record.value["protocol"], FIFO_SUFFIX in record.key
            check_subscription_attribute(name, attributes[name], protocol, by_body, scope, fifo)
        return {**record.value, "attributes": attributes}

    await change_subscription(ctx, subscription_arn, changed)


async def _set_replay(ctx: Context, scope: Scope, record: Record, policy: str) -> None:
    """Begin another replay, or end the one that goes on."""
    by_body, fifo = False, FIFO_SUFFIX in record.key
    check_subscription_attribute("ReplayPolicy", policy, record.value["protocol"], by_body, scope, fifo)
    _, topic = await topic_record(ctx, topic_of(scope, record.key))
    replaying = started_replay(scope, topic, record.key, policy, ctx.now_ms())
    value = {name: one for name, one in record.value.items() if name != "replay"}
    attributes = {name: one for name, one in value["attributes"].items() if name != "ReplayPolicy"}
    changes: list[Change] = []
    if replaying is not None:
        value["replay"], queued = replaying
        attributes["ReplayPolicy"] = policy
        changes.append(queued)
    value["attributes"] = attributes
    await ctx.store.commit(PutRecord(scope, SUBSCRIPTION, record.key, value, record.revision), *changes)


def _check_owner(ctx: Context, subscription: Record) -> None:
    """Raise AwsError AuthorizationError unless the caller owns the subscription. Owning the topic is not enough."""
    if ctx.caller.account != subscription.value["owner"]:
        raise not_authorized("Not authorized to access this subscription")
