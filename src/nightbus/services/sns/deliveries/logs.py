"""Writes what became of deliveries to CloudWatch Logs, for topics and text messages whose settings ask for it.

The groups are named as on AWS: `sns/REGION/ACCOUNT/TOPIC`, and with `/Failure` for what failed.

https://docs.aws.amazon.com/sns/latest/dg/topics-attrib-delivery-status.html
https://docs.aws.amazon.com/sns/latest/dg/sms_stats_cloudwatch.html
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.grammar import whole_number
from nightbus.aws.ids import new_uuid
from nightbus.delivery.jobs import Attempt, Failed
from nightbus.messaging.log_streams import appends, ensure_stream, required_stream
from nightbus.messaging.notification import Notification
from nightbus.messaging.topic import Subscription, Topic
from nightbus.services.sns.deliveries.outgoing import Outgoing
from nightbus.services.sns.sms.attributes import sms_attributes
from nightbus.store.interface import Change, Store

PREFIXES = {
    "http": "HTTP",
    "https": "HTTP",
    "sqs": "SQS",
    "lambda": "Lambda",
    "firehose": "Firehose",
    "application": "Application",
}  # of the attributes of topics, by protocol
_DIRECT = "DirectPublishToPhoneNumber"
_STATUSES = {"lambda": 202}  # of a success; else 200


async def topic_log(
    store: Store,
    topic: Topic,
    subscription: Subscription,
    notification: Notification,
    attempt: Attempt,
    number: int,
) -> list[Change]:
    """Return the changes that log the end of a delivery, its attempt `number`; none where the topic does not ask."""
    if attempt.again_ms is not None:
        return []
    failure = attempt.outcome if isinstance(attempt.outcome, Failed) else None
    prefix = PREFIXES.get(subscription.protocol, "")
    wanted = _is_wanted(topic.feedback, prefix, notification.id, failure is not None)
    if subscription.protocol == "sms":
        wanted = await _sms_is_wanted(store, topic.scope, notification.id, failure is not None)
    if not wanted:
        return []
    body = notification.body_for(subscription.protocol)
    delivery: dict[str, Any] = {
        "deliveryId": new_uuid(),
        "destination": subscription.endpoint,
        "providerResponse": failure.message if failure else _response(subscription, attempt),
        "dwellTimeMs": max(0, attempt.ended - notification.time),
        "attempts": number,
        "statusCode": failure.status or 400 if failure else _STATUSES.get(subscription.protocol, 200),
    }
    entry = {
        "notification": {
            "messageMD5Sum": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
            "messageId": notification.id,
            "topicArn": topic.arn,
            "timestamp": _written(notification.time),
        },
        "delivery": delivery,
        "status": "FAILURE" if failure else "SUCCESS",
    }
    return await _written_to(store, topic.scope, topic.name, entry, attempt.ended)


async def direct_sms_log(
    store: Store, scope: Scope, message: Outgoing, message_id: str, now: int
) -> list[Change]:
    """Return the changes that log a text message that was published to a number."""
    if not await _sms_is_wanted(store, scope, message_id, bool(message.refusal)):
        return []
    delivery = {
        "phoneCarrier": "Nightbus outbox",
        "numberOfMessageParts": message.details["parts"],
        "destination": message.to,
        "priceInUSD": message.details["price"],
        "smsType": message.details["sms_type"],
        "providerResponse": message.refusal or "Message has been accepted by phone carrier",
        "dwellTimeMs": 0,
    }
    entry = {
        "notification": {"messageId": message_id, "timestamp": _written(now)},
        "delivery": delivery,
        "status": "FAILURE" if message.refusal else "SUCCESS",
    }
    return await _written_to(store, scope, _DIRECT, entry, now)


def _response(subscription: Subscription, attempt: Attempt) -> str:
    request_id = getattr(attempt.outcome, "request_id", "")
    if subscription.protocol == "lambda":
        return orjson.dumps({"lambdaRequestId": request_id}).decode()
    if subscription.protocol == "sqs":
        return orjson.dumps({"sqsMessageId": request_id}).decode()
    return request_id


def _is_wanted(feedback: Mapping[str, str], prefix: str, message_id: str, failed: bool) -> bool:
    role = f"{prefix}{'Failure' if failed else 'Success'}FeedbackRoleArn"
    if not prefix or not feedback.get(role):
        return False
    return failed or is_sampled(message_id, feedback.get(f"{prefix}SuccessFeedbackSampleRate", ""))


async def _sms_is_wanted(store: Store, scope: Scope, message_id: str, failed: bool) -> bool:
    settings = await sms_attributes(store, scope)
    if "DeliveryStatusIAMRole" not in settings:
        return False
    return failed or is_sampled(message_id, settings.get("DeliveryStatusSuccessSamplingRate", ""))


def is_sampled(message_id: str, rate: str) -> bool:
    """Return whether a message is among the `rate` percent that are logged; all are where no rate is set."""
    percent = whole_number(rate)
    chance = int(hashlib.sha256(message_id.encode()).hexdigest()[:8], 16) % 100
    return chance < (100 if percent is None else percent)


def _written(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%d %H:%M:%S}.{time % 1000:03d}"


async def _written_to(
    store: Store, scope: Scope, name: str, entry: Mapping[str, Any], now: int
) -> list[Change]:
    group = f"sns/{scope.region}/{scope.account}/{name}"
    if entry["status"] == "FAILURE":
        group += "/Failure"
    stream = f"{datetime.fromtimestamp(now / 1000, UTC):%Y/%m/%d}"
    await ensure_stream(store, scope, group, stream, now)
    required = await required_stream(store, scope, group, stream)
    lines = appends(scope, group, stream, [(now, orjson.dumps(entry).decode())], now)
    return [*([] if required is None else [required]), *lines]
