"""Finds and changes the records of topics and subscriptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
from nightbus.messaging.topic import SUBSCRIPTION, TOPIC, Topic, topic_address, topic_arn
from nightbus.policies.request import Values
from nightbus.services.context import Context
from nightbus.services.sns.errors import bad_arn, no_subscription, no_topic, not_authorized
from nightbus.store.interface import Change, PutRecord, Record

Value = dict[str, Any]


async def topic_record(
    ctx: Context, arn: str, action: str = "", values: Mapping[str, Values] | None = None
) -> tuple[Scope, Record]:
    """Return the scope and the record of a topic, for an action that its policy may allow to other accounts.

    `values` are the action's condition keys. Without an action no policy is evaluated. Raises AwsError
    InvalidParameter, NotFound, AuthorizationError.
    """
    scope_and_name = topic_address(arn)
    if scope_and_name is None:
        raise bad_arn("TopicArn", arn)
    record = await ctx.store.get(scope_and_name[0], TOPIC, scope_and_name[1])
    if record is None:
        raise no_topic()
    if action:
        access = Topic.of(scope_and_name[0], record, ()).access
        refusal = ctx.refusal_of(access, action, values)
        if refusal and ctx.enforces:
            raise not_authorized(refusal)
    return scope_and_name[0], record


async def subscription_record(ctx: Context, arn: str) -> tuple[Scope, Record]:
    """Return the scope and the record of a subscription. Raises AwsError InvalidParameter, NotFound."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        parsed = None
    if parsed is None or parsed.service != "sns" or ":" not in parsed.resource:
        raise bad_arn("SubscriptionArn", arn)
    scope = Scope(parsed.account, parsed.region)
    record = await ctx.store.get(scope, SUBSCRIPTION, parsed.resource)
    if record is None:
        raise no_subscription()
    return scope, record


def topic_of(scope: Scope, subscription_key: str) -> str:
    """Return the ARN of the subscription's topic."""
    return topic_arn(scope, subscription_key.partition(":")[0])


async def change_topic(ctx: Context, arn: str, change: Callable[[Record], Value], *further: Change) -> None:
    scope, record = await topic_record(ctx, arn)
    await ctx.store.commit(PutRecord(scope, TOPIC, record.key, change(record), record.revision), *further)


async def change_subscription(ctx: Context, arn: str, change: Callable[[Record], Value]) -> None:
    scope, record = await subscription_record(ctx, arn)
    await ctx.store.commit(PutRecord(scope, SUBSCRIPTION, record.key, change(record), record.revision))
