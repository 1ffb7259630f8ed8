"""Checks the attributes of a subscription.

https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
"""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.aws.errors import not_supported
from nightbus.messaging.queue import queue_place
from nightbus.services.sns.deliveries import HTTP
from nightbus.services.sns.delivery_policies import check_subscription_policy
from nightbus.services.sns.errors import invalid
from nightbus.services.sns.filter_policies import check_filter_policy
from nightbus.services.sns.values import json_object

_RAW = ("sqs", *HTTP)


def check_subscription_attribute(
    name: str, value: str, protocol: str, by_body: bool, scope: Scope, fifo: bool
) -> None:
    """`scope` and `fifo` are the topic's. Raises AwsError InvalidParameter."""
    if name == "RawMessageDelivery":
        _check_raw(value, protocol)
    elif name == "FilterPolicy":
        check_filter_policy(value, by_body)
    elif name == "FilterPolicyScope":
        if value not in ("MessageAttributes", "MessageBody"):
            raise invalid(
                f"FilterPolicyScope: Invalid value [{value}]. Please use either"
                " MessageBody or MessageAttributes"
            )
    elif name == "RedrivePolicy":
        _check_redrive(value, scope, fifo)
    elif name == "DeliveryPolicy":
        if protocol not in HTTP:
            raise invalid(f"DeliveryPolicy: Delivery protocol [{protocol}] does not support delivery policy.")
        check_subscription_policy(json_object(name, value))
    elif name in ("SubscriptionRoleArn", "ReplayPolicy", "ReplayStatus"):
        raise not_supported("sns", "SetSubscriptionAttributes", name)
    else:
        raise invalid("AttributeName")


def _check_raw(value: str, protocol: str) -> None:
    if value not in ("true", "false"):
        raise invalid(f"RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
    if value == "true" and protocol not in _RAW:
        raise invalid(
            f"RawMessageDelivery: Delivery protocol [{protocol}] does not support raw message delivery."
        )


def _check_redrive(value: str, scope: Scope, fifo: bool) -> None:
    """The queue is where the subscription is, and of its topic's kind."""
    target = json_object("RedrivePolicy", value).get("deadLetterTargetArn")
    place = queue_place(target) if isinstance(target, str) else None
    if place is None:
        raise invalid("RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if place[0] != scope:
        raise invalid("RedrivePolicy: deadLetterTargetArn must be in the same account and region")
    if place[1].endswith(".fifo") and not fifo:
        raise invalid(
            "RedrivePolicy: must use a standard queue as DLQ for a subscription to a standard topic"
        )
