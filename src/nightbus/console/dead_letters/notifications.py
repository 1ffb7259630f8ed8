"""Finds the subscription whose subscriber did not take a notification, and sends it to that subscription once more.

The dead letter of a subscription is the notification's envelope (a raw one's is only the message, which leads nowhere).
The envelope names the topic, and in UnsubscribeURL the subscription. Whoever may send to the queue can write such a
text, so the subscription counts only if its RedrivePolicy names this very queue.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import orjson

from nightbus.aws.calls import Scope
from nightbus.messaging.message import Message
from nightbus.messaging.notification import Notification
from nightbus.messaging.queue import Queue
from nightbus.messaging.topic import SUBSCRIPTION, Subscription, topic_address
from nightbus.messaging.topics import DELIVERIES
from nightbus.store.interface import SYSTEM, Enqueue, Store

ENVELOPE = '{"Type":"Notification","MessageId":"'


class Undelivered(NamedTuple):
    """A notification, and the subscription that has it among its dead letters; `scope` is the topic's."""

    scope: Scope
    subscription: Subscription
    notification: Notification

    def again(self, now_ms: int) -> Enqueue:
        """The change that delivers it, as if it had just been published for this subscription alone."""
        delivery = {
            "scope": list(self.scope),
            "subscription": self.subscription.key,
            "notification": self.notification.encoded(),
            "attempt": 1,
        }
        return Enqueue(SYSTEM, DELIVERIES, orjson.dumps(delivery), now_ms)


async def undelivered_in(store: Store, queue: Queue, message: Message) -> Undelivered | None:
    """None for a message that no subscription of a topic has put into the queue, or whose subscription has ended."""
    if message.source or not message.body.startswith(ENVELOPE):
        return None
    try:
        body = orjson.loads(message.body)
        notification = _notification(body, message)
        key = _subscription_key(body["UnsubscribeURL"], notification.topic_arn)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    address = topic_address(notification.topic_arn)
    record = await store.get(address[0], SUBSCRIPTION, key) if address is not None and key else None
    if address is None or record is None:
        return None
    subscription = Subscription.of(address[0], record)
    if subscription.dead_letter_queue != queue.arn:
        return None
    return Undelivered(address[0], subscription, notification)


def _notification(body: dict[str, Any], message: Message) -> Notification:
    return Notification(
        id=body["MessageId"],
        topic_arn=body["TopicArn"],
        bodies={"default": body["Message"]},
        time=int(datetime.fromisoformat(body["Timestamp"]).timestamp() * 1000),
        sender=message.sender,
        subject=body.get("Subject", ""),
        attributes={name: _attribute(value) for name, value in body.get("MessageAttributes", {}).items()},
        group=message.group,
        deduplication=message.deduplication,
        sequence=body.get("SequenceNumber", ""),
        trace=message.trace,
    )


def _attribute(shown: dict[str, str]) -> dict[str, str]:
    value = "BinaryValue" if shown["Type"].startswith("Binary") else "StringValue"
    return {"DataType": shown["Type"], value: shown["Value"]}


def _subscription_key(url: str, topic_arn: str) -> str:
    """Of its record, "" where the address names a subscription of another topic."""
    arn = parse_qs(urlsplit(url).query).get("SubscriptionArn", [""])[0]
    name = topic_arn.rpartition(":")[2]
    return f"{name}:{arn.rpartition(':')[2]}" if arn.startswith(f"{topic_arn}:") else ""
