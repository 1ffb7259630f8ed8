"""Publishes to a phone number or to an endpoint of a platform application, without a topic."""

from __future__ import annotations

from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.messaging.notification import Attributes
from nightbus.services.context import Context
from nightbus.services.sns.deliveries.logs import direct_sms_log
from nightbus.services.sns.errors import bad_arn, bad_parameter
from nightbus.services.sns.push.records import endpoint_key
from nightbus.services.sns.push.sending import push_message, refused
from nightbus.services.sns.sms.numbers import is_number, written_number
from nightbus.services.sns.sms.sending import text_message

_LONGEST_TEXT = 1600  # characters of a text message, in all its parts


async def publish_text(
    ctx: Context, number: str, bodies: dict[str, str], attributes: Attributes
) -> dict[str, Any]:
    """Send a text message to a number. One that is not delivered is answered in the same way, as on AWS."""
    if not is_number(number):
        raise bad_parameter(f"PhoneNumber Reason: {number} is not valid to publish to")
    text = bodies.get("sms", bodies["default"])
    if len(text) > _LONGEST_TEXT:
        raise bad_parameter("Message too long")
    now, message_id = ctx.now_ms(), new_uuid()
    message = await text_message(
        ctx.store,
        ctx.scope,
        written_number(number),
        text,
        attributes,
        limited=ctx.platform.quotas,
        now=now,
    )
    changes = await message.changes(ctx.store, ctx.scope, message_id, now)
    changes += await direct_sms_log(ctx.store, ctx.scope, message, message_id, now)
    await ctx.store.commit(*changes)
    return {"MessageId": message_id}


async def publish_to_endpoint(ctx: Context, arn: str, bodies: dict[str, str]) -> dict[str, Any]:
    place = endpoint_key(arn)
    if place is None and arn.count(":") < 5:
        raise bad_arn("TargetArn", arn)
    message = await push_message(ctx.store, arn, bodies) if place and place[0] == ctx.scope else None
    if message is None:
        raise bad_parameter("TargetArn Reason: No endpoint found for the target arn specified")
    refusal = refused(message)
    if refusal is not None:
        raise refusal
    message_id = new_uuid()
    await ctx.store.commit(*await message.changes(ctx.store, ctx.scope, message_id, ctx.now_ms()))
    return {"MessageId": message_id}
