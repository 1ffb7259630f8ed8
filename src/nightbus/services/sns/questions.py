"""Makes the questions that an endpoint is sent: to confirm its subscription, or that it is unsubscribed.

https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html
https://docs.aws.amazon.com/sns/latest/dg/http-unsubscribe-confirmation-json.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_uuid
from nightbus.messaging.notification import certificate_url, timestamp
from nightbus.messaging.topics import DELIVERIES
from nightbus.store.interface import SYSTEM, Change, Enqueue

SUBSCRIBE = "SubscriptionConfirmation"
RESTORE = "UnsubscribeConfirmation"
EXPIRIES = "sns/expiries"  # the queue of what ends the waiting for an answer
VALID_MS = 48 * 3600 * 1000  # of a token, and of a subscription that nobody confirms


@dataclass(frozen=True, slots=True)
class Question:
    """`kind` is SUBSCRIBE or RESTORE, `id` the message's, `time` UTC ms."""

    kind: str
    id: str
    topic_arn: str
    subscription_arn: str
    token: str
    time: int

    def url(self, endpoint: str) -> str:
        """What the one who is asked visits to say yes."""
        return (
            f"{endpoint}/?Action=ConfirmSubscription&Version=2010-03-31"
            f"&TopicArn={self.topic_arn}&Token={self.token}"
        )

    @property
    def text(self) -> str:
        if self.kind == SUBSCRIBE:
            return (
                f"You have chosen to subscribe to the topic {self.topic_arn}.\n"
                "To confirm the subscription, visit the SubscribeURL included in this message."
            )
        return (
            f"You have chosen to deactivate subscription {self.subscription_arn}.\n"
            "To cancel this operation and restore the subscription, visit the SubscribeURL included in this message."
        )

    def message(self, endpoint: str) -> dict[str, Any]:
        """Unsigned; `endpoint` is the node's base URL."""
        return {
            "Type": self.kind,
            "MessageId": self.id,
            "Token": self.token,
            "TopicArn": self.topic_arn,
            "Message": self.text,
            "SubscribeURL": self.url(endpoint),
            "Timestamp": timestamp(self.time),
            "SignatureVersion": "1",
            "Signature": "",
            "SigningCertURL": certificate_url(endpoint),
        }


def asking(kind: str, scope: Scope, subscription_key: str, now: int) -> list[Change]:
    """The job that asks, and the item that ends the waiting for an answer."""
    place = {"scope": list(scope), "subscription": subscription_key}
    question = {**place, "attempt": 1, "question": kind, "id": new_uuid(), "time": now}
    return [
        Enqueue(SYSTEM, DELIVERIES, orjson.dumps(question), now),
        expiry(kind, scope, subscription_key, now),
    ]


def expiry(kind: str, scope: Scope, subscription_key: str, now: int) -> Enqueue:
    """The item that ends the waiting for an answer."""
    end = {"scope": list(scope), "subscription": subscription_key, "expires": kind}
    return Enqueue(SYSTEM, EXPIRIES, orjson.dumps(end), now + VALID_MS)
