"""Defines what is published to a topic, and how each kind of subscriber sees it.

https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from nightbus.bus.json_text import parse_json

Attributes = Mapping[str, Mapping[str, str]]
_EMPTY = '"Signature":"","SigningCertURL":""'
_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


class Signature(NamedTuple):
    """`version` 1 is SHA1 with RSA, 2 SHA256 with RSA; `value` is in base64.

    `certificate_url` is where the certificate is that verifies it.
    """

    version: str
    value: str
    certificate_url: str


def to_be_signed(version: str) -> Signature:
    """Return the signature of a notification that is signed when its queue hands it out."""
    return Signature(version or "1", "", "")


@dataclass(frozen=True, slots=True)
class Notification:
    """`bodies` holds a body per protocol where MessageStructure is json, else only `default`; `time` is UTC ms.

    `attributes` as a queue's message has them, binary values in base64. `replayed` is when its replay began, in UTC ms;
    0 for what is not replayed.
    """

    id: str
    topic_arn: str
    bodies: Mapping[str, str]
    time: int
    sender: str
    subject: str = ""
    attributes: Attributes = field(default_factory=dict)
    group: str = ""
    deduplication: str = ""
    sequence: str = ""
    trace: str = ""
    replayed: int = 0

    def body_for(self, protocol: str) -> str:
        return self.bodies.get(protocol, self.bodies["default"])

    def encoded(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value}

    @classmethod
    def decoded(cls, value: dict[str, Any]) -> Notification:
        return cls(**value)


def timestamp(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{time % 1000:03d}Z"


def shown_attributes(attributes: Attributes) -> dict[str, dict[str, str]]:
    """As notifications have them: `Type` and `Value`, a binary value in base64."""
    return {
        name: {"Type": value["DataType"], "Value": value.get("StringValue") or value.get("BinaryValue", "")}
        for name, value in attributes.items()
    }


def unsubscribe_url(endpoint: str, subscription_arn: str) -> str:
    return f"{endpoint}/?Action=Unsubscribe&SubscriptionArn={subscription_arn}"


def signed_text(message: Mapping[str, Any]) -> str:
    """What the signature of a notification or a confirmation request is made of: names and values, line by line.

    https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message-verify-message-signature.html
    """
    return "".join(f"{name}\n{message[name]}\n" for name in _SIGNED if name in message)


def signed_body(body: str, signature: Signature) -> str:
    """Return the JSON of an envelope `to_be_signed` with its signature.

    Quotation marks in a text are escaped, so the two empty members occur once, and never in the message.
    """
    filled = f'"Signature":"{signature.value}","SigningCertURL":"{signature.certificate_url}"'
    return body.replace(_EMPTY, filled, 1)


def envelope(
    notification: Notification,
    protocol: str,
    endpoint: str,
    subscription_arn: str,
    signature: Signature,
) -> dict[str, Any]:
    """The JSON that a queue or an HTTP endpoint gets; `endpoint` is the node's base URL."""
    members = {
        "Type": "Notification",
        "MessageId": notification.id,
        "SequenceNumber": notification.sequence or None,
        "Replayed": "true" if notification.replayed else None,
        "TopicArn": notification.topic_arn,
        "Subject": notification.subject or None,
        "Message": notification.body_for(protocol),
        "Timestamp": timestamp(notification.time),
        "SignatureVersion": signature.version,
        "Signature": signature.value,
        "SigningCertURL": signature.certificate_url,
        "UnsubscribeURL": unsubscribe_url(endpoint, subscription_arn),
        "MessageAttributes": shown_attributes(notification.attributes) or None,
    }
    return {name: value for name, value in members.items() if value is not None}


def lambda_event(
    notification: Notification, endpoint: str, subscription_arn: str, signature: Signature
) -> bytes:
    body = {
        "Type": "Notification",
        "MessageId": notification.id,
        "TopicArn": notification.topic_arn,
        "Subject": notification.subject or None,
        "Message": notification.body_for("lambda"),
        "Timestamp": timestamp(notification.time),
        "SignatureVersion": signature.version,
        "Signature": signature.value,
        "SigningCertUrl": signature.certificate_url,
        "UnsubscribeUrl": unsubscribe_url(endpoint, subscription_arn),
        "MessageAttributes": shown_attributes(notification.attributes),
    }
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription_arn,
        "Sns": body,
    }
    return orjson.dumps({"Records": [record]})


def filtered_attributes(attributes: Attributes) -> dict[str, Any]:
    """What a filter policy sees of message attributes: texts, numbers, and the members of arrays; nothing binary."""
    seen: dict[str, Any] = {}
    for name, value in attributes.items():
        text = value.get("StringValue")
        if text is None:
            continue
        kind = value["DataType"]
        if kind.startswith("String.Array") or kind == "Number":
            try:
                seen[name] = parse_json(text)
            except ValueError:
                seen[name] = text
        else:
            seen[name] = text
    return seen


@functools.lru_cache(maxsize=2)
def parsed_body(body: str) -> dict[str, Any] | None:
    """What a filter policy on the body sees; None for what is no JSON object, which no policy lets through.

    The last ones are kept, for all subscriptions of a topic; they belong to everybody and are not changed.
    """
    try:
        value = parse_json(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
