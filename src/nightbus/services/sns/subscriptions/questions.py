"""Makes the messages that ask an endpoint to confirm: its subscription, or that it was unsubscribed.

https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html
https://docs.aws.amazon.com/sns/latest/dg/http-unsubscribe-confirmation-json.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_uuid
from nightbus.messaging.notification import timestamp
from nightbus.messaging.topics import DELIVERIES
from nightbus.store.interface import SYSTEM, Change, Enqueue

SUBSCRIBE = "SubscriptionConfirmation"
RESTORE = "UnsubscribeConfirmation"
EXPIRIES = "sns/expiries"  # the queue of what ends the wait for an answer
VALID_MS = 48 * 3600 * 1000  # how long a token is valid, and an unconfirmed subscription is kept


@dataclass(frozen=True, slots=True)
class Question:
    """A request for confirmation. `kind` is SUBSCRIBE or RESTORE, `id` the message's id, `time` UTC ms."""

    kind: str
    id: str
    topic_arn: str
    subscription_arn: str
    token: str
    time: int

    def url(self, endpoint: str) -> str:
        """Return the URL that the endpoint's owner visits to confirm. `endpoint` is the node's base URL."""
        return f"{endpoint}/?Action=ConfirmSubscription&TopicArn={self.topic_arn}&Token={self.token}"

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
        """Return the message without the members of its signature. `endpoint` is the node's base URL."""
        return {
            "Type": self.kind,
            "MessageId": self.id,
            "Token": self.token,
            "TopicArn": self.topic_arn,
            "Message": self.text,
            "SubscribeURL": self.url(endpoint),
            "Timestamp": timestamp(self.time),
        }


def confirmation_request(kind: str, scope: Scope, subscription_key: str, now: int) -> list[Change]:
    """Return the changes that queue the job that asks, and the end of the wait for its answer."""
    reference = {"scope": list(scope), "subscription": subscription_key}
    question = {**reference, "attempt": 1, "question": kind, "id": new_uuid(), "time": now}
    return [
        Enqueue(SYSTEM, DELIVERIES, orjson.dumps(question), now),
        expiry(kind, scope, subscription_key, now),
    ]


def expiry(kind: str, scope: Scope, subscription_key: str, now: int) -> Enqueue:
    """Return the queued item that ends the wait for an answer, VALID_MS after `now`."""
    end = {"scope": list(scope), "subscription": subscription_key, "expires": kind}
    return Enqueue(SYSTEM, EXPIRIES, orjson.dumps(end), now + VALID_MS)
