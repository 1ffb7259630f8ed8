"""Checks whether an endpoint may subscribe to a topic by a protocol.

https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
"""

from __future__ import annotations

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from nightbus.aws.arn import Arn
from nightbus.aws.errors import not_supported
from nightbus.aws.support import SNS_PROTOCOLS_ELSEWHERE
from nightbus.messaging.queue import FIFO_SUFFIX, queue_address
from nightbus.services.sns.deliveries.deliveries import HTTP, MAIL
from nightbus.services.sns.errors import bad_parameter
from nightbus.services.sns.push.records import endpoint_key
from nightbus.services.sns.sms.numbers import is_number

CONFIRMED_AT_ONCE = ("sqs", "lambda", "sms", "application", "firehose")
_LARGE = 262_144
_TAKE_LARGE = ("sqs", "lambda", "firehose")
_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\[\]\\,;:\"]+")


def is_confirmed_at_once(protocol: str, endpoint: str, account: str) -> bool:
    """Return whether a subscription by the account begins without a question to the endpoint's owner.

    A queue of another account is asked: it gets a message with the link that confirms.
    https://docs.aws.amazon.com/sns/latest/dg/sns-send-message-to-sqs-cross-account.html
    """
    if protocol != "sqs":
        return protocol in CONFIRMED_AT_ONCE
    address = queue_address(endpoint)
    return address is not None and address[0].account == account


def check_endpoint(topic: str, protocol: str, endpoint: str, forwards: Collection[str]) -> None:
    """Raise AwsError unless the endpoint is valid for the protocol and may subscribe to the topic.

    `forwards` are the services elsewhere that the node reaches.
    """
    if protocol in SNS_PROTOCOLS_ELSEWHERE and protocol not in forwards:
        raise not_supported("sns", "Subscribe", f"protocol {protocol} (without --forward {protocol}=URL)")
    if protocol not in (*CONFIRMED_AT_ONCE, *HTTP, *MAIL):
        raise bad_parameter(f"Amazon SNS does not support this protocol string: {protocol}")
    fifo = topic.endswith(FIFO_SUFFIX)
    if protocol == "sqs":
        _check_queue(endpoint, fifo)
    elif fifo:
        raise bad_parameter(f"Invalid protocol type: {protocol}")
    elif protocol == "lambda":
        if not _is_of(endpoint, "lambda", "function:"):
            raise bad_parameter("Lambda endpoint ARN")
    elif protocol == "sms":
        if not is_number(endpoint):
            raise bad_parameter(f"Invalid SMS endpoint: {endpoint}")
    elif protocol == "application":
        if endpoint_key(endpoint) is None:
            raise bad_parameter(f"Application endpoint arn invalid:{endpoint}")
    elif protocol == "firehose":
        if not _is_of(endpoint, "firehose", "deliverystream/"):
            raise bad_parameter("Firehose delivery stream endpoint ARN")
    elif protocol in HTTP:
        _check_url(protocol, endpoint)
    elif not _ADDRESS.fullmatch(endpoint) or not endpoint.isprintable():
        raise bad_parameter("Email address")


def check_largest_message(protocol: str, largest: int) -> None:
    """Raise AwsError if the topic accepts messages above 256 KiB and the protocol does not."""
    if largest > _LARGE and protocol not in _TAKE_LARGE:
        raise bad_parameter(
            f"MaximumMessageSize: a topic with a value above {_LARGE} can have only Amazon SQS, AWS Lambda and"
            f" Amazon Data Firehose subscriptions, not {protocol}"
        )


def _check_queue(endpoint: str, fifo: bool) -> None:
    scope_and_name = queue_address(endpoint)
    if scope_and_name is None:
        raise bad_parameter("SQS endpoint ARN")
    if scope_and_name[1].endswith(FIFO_SUFFIX) and not fifo:
        raise bad_parameter(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )


def _is_of(text: str, service: str, resource: str) -> bool:
    """Return whether the text is the ARN of a resource that begins so."""
    try:
        parsed = Arn.parse(text)
    except ValueError:
        return False
    return parsed.service == service and parsed.resource.startswith(resource)


def _check_url(protocol: str, endpoint: str) -> None:
    if not endpoint.startswith(f"{protocol}://"):
        raise bad_parameter("Endpoint must match the specified protocol")
    try:
        parts = urlsplit(endpoint)
        has_host = parts.hostname and parts.port != 0
    except ValueError:
        has_host = False
    if not has_host or not endpoint.isascii() or not endpoint.isprintable() or " " in endpoint:
        raise bad_parameter("Endpoint Reason: invalid URL")
