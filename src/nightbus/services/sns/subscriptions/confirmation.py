"""Answers ConfirmSubscription, by which an endpoint's owner confirms with the token that only the endpoint got."""

from __future__ import annotations

import hmac
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.messaging.topic import ENDED, SUBSCRIPTION, subscription_arn, subscription_key
from nightbus.services.context import Context
from nightbus.services.sns.callers import is_signed
from nightbus.services.sns.errors import bad_parameter
from nightbus.services.sns.records import topic_record
from nightbus.services.sns.subscriptions.confidential import confirmation_token
from nightbus.services.sns.subscriptions.questions import VALID_MS
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record


async def confirm_subscription(
    ctx: Context, *, topic_arn: str, token: str, authenticate_on_unsubscribe: str | None = None
) -> dict[str, Any]:
    """Confirm a subscription, or restore one that an unsigned Unsubscribe has ended."""
    scope, topic = await _topic(ctx, topic_arn)
    signed = is_signed(ctx.caller)
    guarded = signed and (authenticate_on_unsubscribe or "").lower() == "true"
    kind, record = await _find_by_token(ctx, scope, topic.key, token)
    if not (kind == SUBSCRIPTION and record.value["confirmed"]):
        value = {**record.value, "confirmed": True, "authenticated": signed, "guarded": guarded}
        await ctx.store.commit(*_changes(scope, kind, record, value))
    return {"SubscriptionArn": subscription_arn(scope, record.key)}


async def _topic(ctx: Context, arn: str) -> tuple[Scope, Record]:
    """A token of a topic that is not there is not a valid one, as on AWS."""
    try:
        return await topic_record(ctx, arn)
    except AwsError as error:
        raise bad_parameter("Token") if error.code == "NotFound" else error from None


def _changes(scope: Scope, kind: str, record: Record, value: dict[str, Any]) -> list[Change]:
    if kind == SUBSCRIPTION:
        return [PutRecord(scope, SUBSCRIPTION, record.key, value, record.revision)]
    return [
        DeleteRecord(scope, ENDED, record.key, record.revision),
        PutRecord(scope, SUBSCRIPTION, record.key, value, expect=0),
    ]


async def _find_by_token(ctx: Context, scope: Scope, topic: str, token: str) -> tuple[str, Record]:
    oldest = ctx.now_ms() - VALID_MS
    for kind in (SUBSCRIPTION, ENDED):
        for record in await ctx.store.list(scope, kind, prefix=subscription_key(topic)):
            stored_token = record.value["token"]
            if (
                stored_token
                and hmac.compare_digest(
                    confirmation_token(ctx.platform.vault, stored_token).encode(), token.encode()
                )
                and record.value["asked"] > oldest
            ):
                return kind, record
    raise bad_parameter("Token")
