"""ConfirmSubscription: the endpoint's owner says yes, by the token that only he was sent."""

from __future__ import annotations

import hmac
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.messaging.topic import ENDED, SUBSCRIPTION, subscription_arn, subscription_key
from nightbus.services.context import Context
from nightbus.services.sns.callers import is_signed
from nightbus.services.sns.errors import invalid
from nightbus.services.sns.questions import VALID_MS
from nightbus.services.sns.records import topic_record
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record


async def confirm_subscription(
    ctx: Context, *, topic_arn: str, token: str, authenticate_on_unsubscribe: str | None = None
) -> dict[str, Any]:
    """Confirms a subscription, or restores one that was ended by an unsigned Unsubscribe."""
    scope, topic = await topic_record(ctx, topic_arn)
    signed = is_signed(ctx.caller)
    guarded = signed and (authenticate_on_unsubscribe or "").lower() == "true"
    kind, record = await _found(ctx, scope, topic.key, token)
    if not (kind == SUBSCRIPTION and record.value["confirmed"]):
        value = {**record.value, "confirmed": True, "authenticated": signed, "guarded": guarded}
        await ctx.store.commit(*_changes(scope, kind, record, value))
    return {"SubscriptionArn": subscription_arn(scope, record.key)}


def _changes(scope: Scope, kind: str, record: Record, value: dict[str, Any]) -> list[Change]:
    if kind == SUBSCRIPTION:
        return [PutRecord(scope, SUBSCRIPTION, record.key, value, record.revision)]
    return [
        DeleteRecord(scope, ENDED, record.key, record.revision),
        PutRecord(scope, SUBSCRIPTION, record.key, value, expect=0),
    ]


async def _found(ctx: Context, scope: Scope, topic: str, token: str) -> tuple[str, Record]:
    oldest = ctx.now_ms() - VALID_MS
    for kind in (SUBSCRIPTION, ENDED):
        for record in await ctx.store.list(scope, kind, prefix=subscription_key(topic)):
            known = record.value["token"]
            if (
                known
                and hmac.compare_digest(known.encode(), token.encode())
                and record.value["asked"] > oldest
            ):
                return kind, record
    raise invalid("Token")
