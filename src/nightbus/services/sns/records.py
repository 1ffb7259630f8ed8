"""Finds and changes the records of topics and subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.aws.resource_policy import Values
from nightbus.messaging.topic import SUBSCRIPTION, TOPIC, Topic, topic_arn, topic_place
from nightbus.services.context import Context
from nightbus.services.sns.errors import invalid, no_subscription, no_topic, not_authorized
from nightbus.store.interface import PutRecord, Record

Value = dict[str, Any]


async def topic_record(
    ctx: Context, arn: str, action: str = "", values: Mapping[str, Values] | None = None
) -> tuple[Scope, Record]:
    """For an action that the topic's policy may allow to others, with condition keys of its own or without.

    Without an action nobody is asked. Raises AwsError InvalidParameter, NotFound, AuthorizationError.
    """
    place = topic_place(arn)
    if place is None:
        raise invalid("TopicArn")
    record = await ctx.store.get(place[0], TOPIC, place[1])
    if record is None:
        raise no_topic()
    if action:
        why = Topic.of(place[0], record, ()).access.refusal(ctx.caller, action, values)
        if why:
            raise not_authorized(why)
    return place[0], record


async def subscription_record(ctx: Context, arn: str) -> tuple[Scope, Record]:
    """Raises AwsError InvalidParameter, NotFound."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        parsed = None
    if parsed is None or parsed.service != "sns" or ":" not in parsed.resource:
        raise invalid("SubscriptionArn Reason: An ARN must have at least 6 elements, not 1")
    scope = Scope(parsed.account, parsed.region)
    record = await ctx.store.get(scope, SUBSCRIPTION, parsed.resource)
    if record is None:
        raise no_subscription()
    return scope, record


def topic_of(scope: Scope, subscription_key: str) -> str:
    """The ARN of the topic that a subscription is to."""
    return topic_arn(scope, subscription_key.partition(":")[0])


async def change_topic(ctx: Context, arn: str, change: Callable[[Record], Value]) -> None:
    scope, record = await topic_record(ctx, arn)
    await ctx.store.commit(PutRecord(scope, TOPIC, record.key, change(record), record.revision))


async def change_subscription(ctx: Context, arn: str, change: Callable[[Record], Value]) -> None:
    scope, record = await subscription_record(ctx, arn)
    await ctx.store.commit(PutRecord(scope, SUBSCRIPTION, record.key, change(record), record.revision))
