"""Makes one attempt to send a notification, or a question, to a subscriber that is not a queue of this node."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any

import orjson

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.messaging.mail_server import MailRefused, MailServer
from nightbus.messaging.notification import Notification, envelope, lambda_event, signed_text
from nightbus.messaging.topic import Subscription, Topic
from nightbus.messaging.topics import SERVICE
from nightbus.services.context import Platform
from nightbus.services.sns.http import Refused, post
from nightbus.services.sns.mail import notification_mail, question_mail
from nightbus.services.sns.questions import Question
from nightbus.services.sns.retries import http_delivery

HTTP = ("http", "https")
MAIL = ("email", "email-json")
_MAILS_AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class Failure:
    """`permanent`: another attempt would fail as well."""

    text: str
    permanent: bool


class Carrier:
    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._mailing = ThreadPoolExecutor(_MAILS_AT_ONCE, "sns-mail")

    def close(self) -> None:
        self._mailing.shutdown(wait=False, cancel_futures=True)

    async def notify(
        self, topic: Topic, subscription: Subscription, notification: Notification, request_id: str
    ) -> Failure | None:
        """A function is invoked under `request_id`."""
        try:
            if subscription.protocol in HTTP:
                await self._notify_http(topic, subscription, notification)
            elif subscription.protocol in MAIL:
                await self._notify_mail(topic, subscription, notification)
            elif subscription.protocol == "lambda":
                await self._invoke(topic, subscription, notification, request_id)
            else:
                await self._send(topic, subscription, notification)
        except (Refused, MailRefused) as refused:
            return Failure(str(refused), refused.permanent)
        except AwsError as error:
            permanent = error.status < 500 and not error.code.startswith(("Throttl", "TooManyRequests"))
            return Failure(f"{error.code} {error.message}", permanent)
        return None

    async def ask(self, topic: Topic, subscription: Subscription, question: Question) -> Failure | None:
        message = question.message(self._platform.endpoint)
        signature = await self._platform.topics.signer.sign(signed_text(message), topic.signature_version)
        message |= {"SignatureVersion": signature.version, "Signature": signature.value}
        try:
            if subscription.protocol in HTTP:
                headers = _headers(question.kind, question.id, topic, subscription)
                headers.pop("x-amz-sns-subscription-arn")
                await self._post(topic, subscription, headers, orjson.dumps(message))
            else:
                server = self._server()
                endpoint = self._platform.endpoint
                await self._mail(
                    server, question_mail(question, subscription, message, server.sender, endpoint)
                )
        except (Refused, MailRefused) as refused:
            return Failure(str(refused), refused.permanent)
        return None

    async def shown(self, topic: Topic, subscription: Subscription, notification: Notification) -> str:
        """The body that the subscriber was to get."""
        if subscription.raw:
            return notification.body_for(subscription.protocol)
        return orjson.dumps(await self._signed(topic, subscription, notification)).decode()

    async def _signed(
        self, topic: Topic, subscription: Subscription, notification: Notification
    ) -> dict[str, Any]:
        protocol = subscription.protocol
        signature = await self._platform.topics.sign(topic, notification, protocol)
        return envelope(notification, protocol, self._platform.endpoint, subscription.arn, signature)

    async def _notify_http(
        self, topic: Topic, subscription: Subscription, notification: Notification
    ) -> None:
        headers = _headers("Notification", notification.id, topic, subscription)
        if subscription.raw:
            headers["x-amz-sns-rawdelivery"] = "true"
        body = await self.shown(topic, subscription, notification)
        await self._post(topic, subscription, headers, body.encode())

    async def _post(
        self, topic: Topic, subscription: Subscription, headers: Mapping[str, str], body: bytes
    ) -> None:
        way = http_delivery(topic.delivery_policy, subscription.attributes.get("DeliveryPolicy", ""))
        headers = {**headers, "Content-Type": way.content_type}
        await post(self._platform.http, subscription.endpoint, headers, body)

    async def _notify_mail(
        self, topic: Topic, subscription: Subscription, notification: Notification
    ) -> None:
        server = self._server()
        signed = await self._signed(topic, subscription, notification)
        mail = notification_mail(
            notification, topic, subscription, signed, server.sender, self._platform.endpoint
        )
        await self._mail(server, mail)

    def _server(self) -> MailServer:
        if self._platform.mail is None:
            raise MailRefused("the node has no SMTP server any more (NIGHTBUS_SMTP)", permanent=False)
        return self._platform.mail

    async def _mail(self, server: MailServer, mail: EmailMessage) -> None:
        await asyncio.get_running_loop().run_in_executor(self._mailing, server.send, mail)

    async def _invoke(
        self, topic: Topic, subscription: Subscription, notification: Notification, request_id: str
    ) -> None:
        _, _, _, region, account, *_ = subscription.endpoint.split(":")
        caller = Caller.for_service(topic.scope.account, SERVICE, topic.arn)
        scope = Scope(account, region)
        call = Call(scope, caller, self._platform.endpoint, request_id, notification.trace)
        signature = await self._platform.topics.sign(topic, notification, "lambda")
        payload = lambda_event(notification, self._platform.endpoint, subscription.arn, signature)
        request = {"FunctionName": subscription.endpoint, "InvocationType": "Event", "Payload": payload}
        await self._platform.operations.call("lambda", "Invoke", request, call)

    async def _send(self, topic: Topic, subscription: Subscription, notification: Notification) -> None:
        """To a queue that could not take it in the publishing commit."""
        signature = await self._platform.topics.sign(topic, notification, "sqs")
        topics, writes = self._platform.topics, self._platform.queues.writes()
        if not await topics.add_to_queue(writes, subscription, notification, signature):
            text = (
                "The queue does not exist, does not permit the topic to send to it, or refuses the message."
            )
            raise AwsError("ClientError", text)
        await writes.commit()


def _headers(kind: str, message_id: str, topic: Topic, subscription: Subscription) -> dict[str, str]:
    return {
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": message_id,
        "x-amz-sns-topic-arn": topic.arn,
        "x-amz-sns-subscription-arn": subscription.arn,
    }
