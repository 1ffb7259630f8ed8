"""Composes the mails to subscribers by e-mail.

A subscriber by `email` gets the text, one by `email-json` the JSON that an HTTP endpoint would get.
"""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

import orjson

from nightbus.messaging.notification import Notification, unsubscribe_url
from nightbus.messaging.topic import Subscription, Topic
from nightbus.services.sns.questions import RESTORE, SUBSCRIBE, Question

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


def question_mail(
    question: Question, subscription: Subscription, signed: dict[str, Any], sender: str, endpoint: str
) -> EmailMessage:
    if subscription.protocol == JSON:
        text = _json(signed)
    else:
        text = _ASKED[question.kind].format(arn=question.topic_arn, url=question.url(endpoint))
    return _mail(_NAME, sender, subscription.endpoint, _SUBJECTS[question.kind], text)


def notification_mail(
    notification: Notification,
    topic: Topic,
    subscription: Subscription,
    signed: dict[str, Any],
    sender: str,
    endpoint: str,
) -> EmailMessage:
    if subscription.protocol == JSON:
        text = _json(signed)
    else:
        link = unsubscribe_url(endpoint, subscription.arn)
        text = f"{notification.body_for(subscription.protocol)}{_END}{link}\n"
    subject = notification.subject or "AWS Notification Message"
    return _mail(topic.display_name or _NAME, sender, subscription.endpoint, subject, text)


def _mail(name: str, sender: str, receiver: str, subject: str, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = Address(name, addr_spec=sender)
    mail["To"] = receiver
    mail["Subject"] = subject
    mail.set_content(text)
    return mail


def _json(message: dict[str, Any]) -> str:
    return orjson.dumps(message, option=orjson.OPT_INDENT_2).decode() + "\n"
