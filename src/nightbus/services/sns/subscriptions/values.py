"""Validates the attributes of a subscription.

https://docs.aws.amazon.com/sns/latest/api/API_SetSubscriptionAttributes.html
"""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.messaging.queue import queue_address
from nightbus.services.sns.archives.policies import read_replay_policy
from nightbus.services.sns.deliveries.deliveries import HTTP
from nightbus.services.sns.deliveries.policies import check_subscription_policy
from nightbus.services.sns.errors import bad_parameter
from nightbus.services.sns.json_values import json_object
from nightbus.services.sns.subscriptions.filter_policies import check_filter_policy

_RAW = ("sqs", *HTTP)


def check_subscription_attribute(
    name: str, value: str, protocol: str, by_body: bool, scope: Scope, fifo: bool
) -> None:
    """Raise AwsError InvalidParameter for an invalid value. `scope` and `fifo` are the topic's."""
    if name == "RawMessageDelivery":
        _check_raw(value, protocol)
    elif name == "FilterPolicy":
        check_filter_policy(value, by_body)
    elif name == "FilterPolicyScope":
        if value not in ("MessageAttributes", "MessageBody"):
            raise bad_parameter(
                f"FilterPolicyScope: Invalid value [{value}]. Please use either"
                " MessageBody or MessageAttributes"
            )
    elif name == "RedrivePolicy":
        _check_redrive(value, scope, fifo)
    elif name == "DeliveryPolicy":
        if protocol not in HTTP:
            raise bad_parameter(
                f"DeliveryPolicy: Delivery protocol [{protocol}] does not support delivery policy."
            )
        check_subscription_policy(json_object(name, value))
    elif name == "SubscriptionRoleArn":
        if protocol != "firehose":
            raise bad_parameter(
                f"SubscriptionRoleArn: Delivery protocol [{protocol}] does not support subscription role."
            )
    elif name == "ReplayPolicy":
        read_replay_policy(value, fifo)
    else:
        raise bad_parameter("AttributeName")


def _check_raw(value: str, protocol: str) -> None:
    if value.lower() not in ("true", "false"):
        raise bad_parameter(f"RawMessageDelivery: Invalid value [{value}]. Must be true or false.")
    if value.lower() == "true" and protocol not in _RAW:
        raise bad_parameter(
            f"RawMessageDelivery: Delivery protocol [{protocol}] does not support raw message delivery."
        )


def _check_redrive(value: str, scope: Scope, fifo: bool) -> None:
    """Check that the dead-letter queue is in the subscription's scope, and FIFO if and only if the topic is."""
    target = json_object("RedrivePolicy", value).get("deadLetterTargetArn")
    scope_and_name = queue_address(target) if isinstance(target, str) else None
    if scope_and_name is None:
        raise bad_parameter("RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if scope_and_name[0] != scope:
        raise bad_parameter("RedrivePolicy: deadLetterTargetArn must be in the same account and region")
    if scope_and_name[1].endswith(".fifo") and not fifo:
        raise bad_parameter(
            "RedrivePolicy: must use a standard queue as DLQ for a subscription to a standard topic"
        )
