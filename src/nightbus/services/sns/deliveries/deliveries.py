"""Makes what a subscriber gets that is not a queue of this node: the target of a job, and its input.

https://docs.aws.amazon.com/sns/latest/dg/http-header.html
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.delivery.jobs import Policy
from nightbus.messaging.notification import Notification, envelope, lambda_event, signed_text
from nightbus.messaging.outbox import PUSH
from nightbus.messaging.queue import FIFO_SUFFIX
from nightbus.messaging.topic import Subscription, Topic
from nightbus.services.context import Platform
from nightbus.services.sns.deliveries.mail import Mail, notification_mail, question_mail
from nightbus.services.sns.deliveries.outgoing import Outgoing, outgoing_mail
from nightbus.services.sns.deliveries.retries import AWS_ENDPOINTS, SMTP, SubscriberPolicy, http_delivery
from nightbus.services.sns.push.sending import push_message
from nightbus.services.sns.sms.numbers import written_number
from nightbus.services.sns.sms.sending import text_message
from nightbus.services.sns.subscriptions.confidential import whole_endpoint
from nightbus.services.sns.subscriptions.questions import Question
from nightbus.store.vault import Vault

HTTP = ("http", "https")
MAIL = ("email", "email-json")


@dataclass(frozen=True, slots=True)
class SubscriberDelivery:
    """The parts of a job that come from the subscription."""

    target: Mapping[str, Any]
    input: bytes
    policy: Policy


class DeliveryMaker:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._topics = platform.topics
        self._endpoint = platform.endpoint

    async def notification(
        self, topic: Topic, subscription: Subscription, notification: Notification
    ) -> SubscriberDelivery:
        protocol = subscription.protocol
        if protocol == "lambda":
            signature = await self._topics.sign(topic, notification, protocol)
            event = lambda_event(notification, self._endpoint, subscription.arn, signature)
            return SubscriberDelivery({"Arn": subscription.endpoint}, event, SubscriberPolicy(AWS_ENDPOINTS))
        if protocol in MAIL:
            signed = await self._signed(topic, subscription, notification)
            mail = notification_mail(notification, topic, subscription, signed, self._endpoint)
            return self._by_mail(subscription, mail)
        if protocol in ("sms", "application"):
            return _by_outbox(await self._outgoing(topic, subscription, notification))
        body = (await self.body(topic, subscription, notification)).encode()
        if protocol in HTTP:
            headers = _headers("Notification", notification.id, topic, subscription)
            if subscription.raw:
                headers["x-amz-sns-rawdelivery"] = "true"
            return _by_http(topic, subscription, headers, body, self._platform.vault)
        if protocol == "firehose":
            role = subscription.attributes.get("SubscriptionRoleArn", "")
            target = {"Arn": subscription.endpoint, "RoleArn": role}
            return SubscriberDelivery(target, body + b"\n", SubscriberPolicy(AWS_ENDPOINTS))
        return SubscriberDelivery(_queue(subscription, notification), body, SubscriberPolicy(AWS_ENDPOINTS))

    async def question(
        self, topic: Topic, subscription: Subscription, question: Question
    ) -> SubscriberDelivery:
        message = question.message(self._endpoint)
        signature = await self._topics.signer.sign(signed_text(message), topic.signature_version)
        message |= {
            "SignatureVersion": signature.version,
            "Signature": signature.value,
            "SigningCertURL": signature.certificate_url,
        }
        if subscription.protocol in MAIL:
            return self._by_mail(subscription, question_mail(question, subscription, message, self._endpoint))
        if subscription.protocol == "sqs":
            target = _queue_of_question(subscription, question)
            return SubscriberDelivery(target, orjson.dumps(message), SubscriberPolicy(AWS_ENDPOINTS))
        headers = _headers(question.kind, question.id, topic, subscription)
        headers.pop("x-amz-sns-subscription-arn")
        return _by_http(topic, subscription, headers, orjson.dumps(message), self._platform.vault)

    async def _outgoing(
        self, topic: Topic, subscription: Subscription, notification: Notification
    ) -> Outgoing:
        store, endpoint = self._platform.store, subscription.endpoint
        if subscription.protocol == "sms":
            return await text_message(
                store,
                topic.scope,
                written_number(endpoint),
                notification.body_for("sms"),
                notification.attributes,
                limited=self._platform.quotas,
                now=self._platform.clock.now_ms(),
            )
        message = await push_message(store, endpoint, notification.bodies)
        if message is None:
            text = notification.body_for("application")
            return Outgoing(PUSH, endpoint, text, refusal="Endpoint does not exist")
        return message

    def _by_mail(self, subscription: Subscription, mail: Mail) -> SubscriberDelivery:
        if self._platform.mail is None:
            return _by_outbox(outgoing_mail(subscription.endpoint, mail))
        target = {"Mail": subscription.endpoint, "Subject": mail.subject, "SenderName": mail.sender_name}
        return SubscriberDelivery(target, mail.text.encode(), SubscriberPolicy(SMTP))

    async def body(self, topic: Topic, subscription: Subscription, notification: Notification) -> str:
        """The text that a queue, an HTTP endpoint or a dead-letter queue gets."""
        if subscription.raw:
            return notification.body_for(subscription.protocol)
        return orjson.dumps(await self._signed(topic, subscription, notification)).decode()

    async def _signed(
        self, topic: Topic, subscription: Subscription, notification: Notification
    ) -> dict[str, Any]:
        protocol = subscription.protocol
        signature = await self._topics.sign(topic, notification, protocol)
        return envelope(notification, protocol, self._endpoint, subscription.arn, signature)


def _by_http(
    topic: Topic, subscription: Subscription, headers: Mapping[str, str], body: bytes, vault: Vault
) -> SubscriberDelivery:
    delivery = http_delivery(topic.delivery_policy, subscription.attributes.get("DeliveryPolicy", ""))
    target: dict[str, Any] = {
        "Url": whole_endpoint(vault, subscription.endpoint, subscription.sealed),
        "Headers": {**headers, "Content-Type": delivery.content_type},
    }
    if delivery.per_second:
        target["PerSecond"] = delivery.per_second
    return SubscriberDelivery(target, body, SubscriberPolicy(delivery.retries))


def _by_outbox(message: Outgoing) -> SubscriberDelivery:
    return SubscriberDelivery(message.target, message.text.encode(), SubscriberPolicy(AWS_ENDPOINTS))


def _queue_of_question(subscription: Subscription, question: Question) -> dict[str, Any]:
    if not subscription.endpoint.endswith(FIFO_SUFFIX):
        return {"Arn": subscription.endpoint}
    settings = {"MessageGroupId": question.kind, "MessageDeduplicationId": question.id}
    return {"Arn": subscription.endpoint, "SqsParameters": settings}


def _queue(subscription: Subscription, notification: Notification) -> dict[str, Any]:
    """A queue that could not take the notification in the publishing commit."""
    target: dict[str, Any] = {"Arn": subscription.endpoint}
    settings = {"MessageGroupId": notification.group} if notification.group else {}
    if subscription.endpoint.endswith(FIFO_SUFFIX) and notification.deduplication:
        settings["MessageDeduplicationId"] = notification.deduplication
    if settings:
        target["SqsParameters"] = settings
    if subscription.raw and notification.attributes:
        target["MessageAttributes"] = {
            name: _attribute(value) for name, value in notification.attributes.items()
        }
    return target


def _attribute(value: Mapping[str, str]) -> dict[str, Any]:
    """Return the attribute as SendMessage takes it, with a binary value in bytes."""
    if "BinaryValue" not in value:
        return dict(value)
    return {**value, "BinaryValue": base64.b64decode(value["BinaryValue"])}


def _headers(kind: str, message_id: str, topic: Topic, subscription: Subscription) -> dict[str, str]:
    return {
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": message_id,
        "x-amz-sns-topic-arn": topic.arn,
        "x-amz-sns-subscription-arn": subscription.arn,
    }


def without_secret(protocol: str, endpoint: str) -> str:
    """An endpoint as a log may show it: without the user and the password of a URL, and the end of a phone number."""
    if protocol == "sms":
        return f"…{endpoint[-4:]}"
    if "@" not in endpoint or "://" not in endpoint:
        return endpoint
    scheme, _, rest = endpoint.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
