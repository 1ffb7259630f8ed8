"""Composes the mails to subscribers by e-mail.

A subscriber by `email` gets the text, one by `email-json` the JSON that an HTTP endpoint would get.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from nightbus.messaging.notification import Notification, unsubscribe_url
from nightbus.messaging.topic import Subscription, Topic
from nightbus.services.sns.subscriptions.questions import RESTORE, SUBSCRIBE, Question

JSON = "email-json"
_NAME = "Nightbus Notifications"
_SUBJECTS = {
    SUBSCRIBE: "AWS Notification - Subscription Confirmation",
    RESTORE: "AWS Notification - Unsubscribe Confirmation",
}
_ASKED = {
    SUBSCRIBE: "You have chosen to subscribe to the topic:\n{arn}\n\n"
    "To confirm this subscription, visit the link below (if this was in error, no action is necessary):\n{url}\n",
    RESTORE: "Your subscription to the topic below has been deactivated:\n{arn}\n\n"
    "If this was in error, visit the link below to restore the subscription:\n{url}\n",
}
_END = "\n\n--\nIf you wish to stop receiving notifications from this topic, visit the link below to unsubscribe:\n"


class Mail(NamedTuple):
    subject: str
    sender_name: str
    text: str


def question_mail(
    question: Question, subscription: Subscription, signed: dict[str, Any], endpoint: str
) -> Mail:
    """`signed` is what an HTTP endpoint would get, `endpoint` the node's base URL."""
    if subscription.protocol == JSON:
        text = _json(signed)
    else:
        text = _ASKED[question.kind].format(arn=question.topic_arn, url=question.url(endpoint))
    return Mail(_SUBJECTS[question.kind], _NAME, text)


def notification_mail(
    notification: Notification,
    topic: Topic,
    subscription: Subscription,
    signed: dict[str, Any],
    endpoint: str,
) -> Mail:
    """`signed` is what an HTTP endpoint would get, `endpoint` the node's base URL."""
    if subscription.protocol == JSON:
        text = _json(signed)
    else:
        link = unsubscribe_url(endpoint, subscription.arn)
        text = f"{notification.body_for(subscription.protocol)}{_END}{link}\n"
    return Mail(notification.subject or "AWS Notification Message", topic.display_name or _NAME, text)


def _json(message: dict[str, Any]) -> str:
    return orjson.dumps(message, option=orjson.OPT_INDENT_2).decode() + "\n"
