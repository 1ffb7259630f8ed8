"""Defines topics and the subscriptions to them.

https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html, API_Subscribe.html
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from nightbus.aws.arn import Arn, arn
from nightbus.aws.calls import Scope
from nightbus.bus.json_text import parse_json
from nightbus.bus.patterns import parse_pattern
from nightbus.bus.patterns.matching import matches
from nightbus.bus.patterns.rule import Pattern
from nightbus.messaging.access import Access
from nightbus.messaging.data_protection import ProtectionStatement, statements_of
from nightbus.messaging.notification import Notification, filtered_attributes, parsed_body
from nightbus.messaging.queue import FIFO_SUFFIX
from nightbus.store.interface import Record

TOPIC = "sns/topic"
SUBSCRIPTION = "sns/subscription"
LEFT_OUT = "sns/left-out"  # by subscription: written by each publication that leaves it to the replay
ENDED = "sns/ended-subscription"  # those that may still be restored by the token of the message that said so
PUBLISH = "SNS:Publish"
BODY_SCOPE = "MessageBody"
LONGEST_POLICY = 262_144


@dataclass(frozen=True, slots=True)
class Subscription:
    """`key` is that of its record; `attributes` as they were set, `raw` RawMessageDelivery."""

    key: str
    arn: str
    protocol: str
    endpoint: str
    confirmed: bool
    raw: bool
    pattern: Pattern | None
    by_body: bool
    attributes: Mapping[str, str]
    principal: str  # the ARN of who subscribed
    revision: int  # of its record
    sealed: str  # the endpoint with its password, "" where it has none
    replaying: bool  # whether a replay delivers new messages too, from the archive

    @classmethod
    def of(cls, scope: Scope, record: Record) -> Subscription:
        value = record.value
        attributes: dict[str, str] = value["attributes"]
        replay: dict[str, Any] = value.get("replay") or {}
        policy = attributes.get("FilterPolicy")
        return cls(
            key=record.key,
            arn=subscription_arn(scope, record.key),
            protocol=value["protocol"],
            endpoint=value["endpoint"],
            confirmed=value["confirmed"],
            raw=attributes.get("RawMessageDelivery", "").lower() == "true",
            pattern=parse_pattern(policy, LONGEST_POLICY) if policy and parse_json(policy) else None,
            by_body=attributes.get("FilterPolicyScope") == BODY_SCOPE,
            attributes=attributes,
            principal=value.get("principal", ""),
            revision=record.revision,
            sealed=value.get("sealed", ""),
            replaying=replay.get("status") == "In progress" and replay["until"] is None,
        )

    @property
    def dead_letter_queue(self) -> str | None:
        policy = self.attributes.get("RedrivePolicy")
        return str(orjson.loads(policy)["deadLetterTargetArn"]) if policy else None

    def wants(self, notification: Notification) -> bool:
        """Whether its filter lets the notification through."""
        if self.pattern is None:
            return True
        if self.by_body:
            return body_fits(self.pattern, notification.body_for(self.protocol))
        return matches(self.pattern, filtered_attributes(notification.attributes))


@functools.lru_cache(maxsize=32)
def body_fits(pattern: Pattern, body: str) -> bool:
    """Whether a filter policy on the body lets it through. The last answers are kept: for a long body the question is
    asked in a thread before it is asked in a commit."""
    parsed = parsed_body(body)
    return parsed is not None and matches(pattern, parsed)


@dataclass(frozen=True, slots=True)
class Topic:
    """`topic` names it in the store: a topic that is made again under its name is another one."""

    scope: Scope
    name: str
    arn: str
    topic: str
    fifo: bool
    content_based: bool
    by_group: bool
    protection: tuple[ProtectionStatement, ...]  # its data protection policy
    archived: bool  # whether it keeps what is published
    largest: int  # bytes
    delivery_policy: str
    display_name: str
    feedback: Mapping[str, str]  # the attributes that ask for delivery status logs
    signature_version: str  # "" where the topic says nothing of it, which means 1
    access: Access
    key: str  # KmsMasterKeyId, "" without one
    subscriptions: tuple[Subscription, ...]

    @classmethod
    def of(cls, scope: Scope, record: Record, subscriptions: tuple[Subscription, ...]) -> Topic:
        attributes: dict[str, Any] = record.value["attributes"]
        own_arn = topic_arn(scope, record.key)
        return cls(
            scope=scope,
            name=record.key,
            arn=own_arn,
            topic=f"sns/{record.key}/{record.value['id']}",
            fifo=record.key.endswith(FIFO_SUFFIX),
            content_based=attributes.get("ContentBasedDeduplication") == "true",
            by_group=attributes.get("FifoThroughputScope") == "MessageGroup",
            protection=statements_of(record.value.get("protection", "")),
            archived="ArchivePolicy" in attributes,
            largest=int(attributes.get("MaximumMessageSize", 262_144)),
            delivery_policy=attributes.get("DeliveryPolicy", ""),
            display_name=attributes.get("DisplayName", ""),
            feedback={name: one for name, one in attributes.items() if "Feedback" in name},
            signature_version=attributes.get("SignatureVersion", ""),
            access=Access(own_arn, scope.account, attributes.get("Policy")),
            key=attributes.get("KmsMasterKeyId", ""),
            subscriptions=subscriptions,
        )

    @property
    def logs_queues(self) -> bool:
        """Whether deliveries to queues are logged: then each is a job, which is slower than the publishing commit."""
        return any(name.startswith("SQS") and name.endswith("RoleArn") for name in self.feedback)


def archive_log(topic: str) -> str:
    """Return the name of the log that keeps what was published to a topic, which the store knows as `topic`."""
    return f"sns-archive/{topic}"


def topic_arn(scope: Scope, name: str) -> str:
    return arn("sns", scope.region, scope.account, name)


@lru_cache(10_000)
def topic_address(text: str) -> tuple[Scope, str] | None:
    """Account, region and name of the topic that an ARN names."""
    try:
        parsed = Arn.parse(text)
    except ValueError:
        return None
    if parsed.service != "sns" or ":" in parsed.resource or not parsed.resource:
        return None
    return Scope(parsed.account, parsed.region), parsed.resource


def subscription_key(topic: str, number: str = "") -> str:
    return f"{topic}:{number}"


def subscription_arn(scope: Scope, key: str) -> str:
    return arn("sns", scope.region, scope.account, key)
