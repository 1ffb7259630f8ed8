"""How does an HTTP endpoint get a notification? One POST with SNS's headers; whatever is not 2xx is a refusal.

https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html
"""

from __future__ import annotations

import asyncio
import http.client
import urllib.error
import urllib.request
from typing import Any

import orjson

from nightbus.aws.ids import new_uuid
from nightbus.messaging.notification import timestamp
from nightbus.messaging.topic import Subscription

_TIMEOUT_SECONDS = 15.0
_TOO_MANY, _SERVER_ERROR = 429, 500


class Refused(Exception):
    """The endpoint did not take it. `permanent`: AWS would not ask it again."""

    def __init__(self, text: str, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent


def confirmation(topic_arn: str, token: str, time: int, endpoint: str) -> dict[str, Any]:
    """The message that asks an endpoint to confirm; `endpoint` is the node's base URL."""
    url = f"{endpoint}/?Action=ConfirmSubscription&Version=2010-03-31&TopicArn={topic_arn}&Token={token}"
    return {
        "Type": "SubscriptionConfirmation",
        "MessageId": new_uuid(),
        "Token": token,
        "TopicArn": topic_arn,
        "Message": f"You have chosen to subscribe to the topic {topic_arn}.\n"
        "To confirm the subscription, visit the SubscribeURL included in this message.",
        "SubscribeURL": url,
        "Timestamp": timestamp(time),
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertURL": f"{endpoint}/_nightbus/sns/certificate.pem",
    }


async def post(subscription: Subscription, topic_arn: str, body: Any, kind: str, raw: bool) -> None:
    """Raises Refused."""
    data = body.encode() if raw else orjson.dumps(body)
    headers = {
        "Content-Type": "text/plain; charset=UTF-8",
        "User-Agent": "Amazon Simple Notification Service Agent",
        "x-amz-sns-message-type": kind,
        "x-amz-sns-message-id": new_uuid() if raw else body["MessageId"],
        "x-amz-sns-topic-arn": topic_arn,
    }
    if kind == "Notification":
        headers["x-amz-sns-subscription-arn"] = subscription.arn
    if raw:
        headers["x-amz-sns-rawdelivery"] = "true"
    await asyncio.to_thread(_post, subscription.endpoint, data, headers)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


def _post(url: str, data: bytes, headers: dict[str, str]) -> None:
    request = urllib.request.Request(url, data, headers, method="POST")  # noqa: S310 - http(s) was checked
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirects())
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            response.read()
    except urllib.error.HTTPError as refusal:
        permanent = refusal.code < _SERVER_ERROR and refusal.code != _TOO_MANY
        raise Refused(f"HTTP {refusal.code}", permanent) from refusal
    except (OSError, http.client.HTTPException) as broken:
        raise Refused(f"{type(broken).__name__}: {broken}", permanent=False) from broken
