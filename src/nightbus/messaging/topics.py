"""Plans what publishing to a topic changes in the store: subscribed queues get theirs in the same commit.

For other subscribers a delivery is queued, which the SNS service carries out. What queues get is signed when it is
received (`Signer.sign_received`): a signature costs more than all else about a notification together.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import orjson

from nightbus.aws.calls import Caller, Scope
from nightbus.aws.threads import LONG_TEXT, aside
from nightbus.counters import HopCounts
from nightbus.messaging.data_protection import OUTBOUND, protected
from nightbus.messaging.deduplication import Deduplication, Windows, content_key
from nightbus.messaging.notification import (
    Notification,
    Signature,
    envelope,
    signed_text,
    to_be_signed,
)
from nightbus.messaging.queue import SEND
from nightbus.messaging.queue_writes import Accepted, Incoming, QueueWrites
from nightbus.messaging.queues import Queues
from nightbus.messaging.signing import LENGTH, Signer
from nightbus.messaging.topic import (
    LEFT_OUT,
    SUBSCRIPTION,
    TOPIC,
    Subscription,
    Topic,
    archive_log,
    body_fits,
    subscription_key,
    topic_address,
)
from nightbus.store.interface import SYSTEM, Append, Enqueue, PutRecord, RecordName, RequireRecord, Store
from nightbus.store.record_cache import RecordCache
from nightbus.store.vault import Vault

DELIVERIES = "sns/deliveries"
_MOST_KNOWN = 10_000
SERVICE = "sns.amazonaws.com"


class Topics:
    """The topics of all accounts and regions of the node; `endpoint` is its base URL, `vault` seals its signing key.

    `strikes` says of a queue's ARN whether a test's fault is to strike its next delivery, which is queued then.
    """

    def __init__(
        self,
        store: Store,
        queues: Queues,
        endpoint: str,
        vault: Vault | None = None,
        hops: HopCounts | None = None,
        strikes: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._store = store
        self._queues = queues
        self._endpoint = endpoint
        self._hops = HopCounts() if hops is None else hops
        self._strikes = strikes
        self.signer = Signer(store, endpoint, vault)
        self._topics = RecordCache(store, _MOST_KNOWN, [TOPIC, SUBSCRIPTION], _topic_of, self._load)
        self._windows = Windows(store)

    async def find_arn(self, arn: str) -> Topic | None:
        address = topic_address(arn)
        return None if address is None else await self._topics.find(address)

    async def _load(self, address: tuple[Scope, str]) -> Topic | None:
        scope, name = address
        record = await self._store.get(scope, TOPIC, name)
        if record is None:
            return None
        subscribed = await self._store.list(scope, SUBSCRIPTION, prefix=subscription_key(name))
        return Topic.of(scope, record, tuple(Subscription.of(scope, one) for one in subscribed))

    async def may_use_key(self, topic: Topic, caller: Caller) -> bool:
        """Whether the topic has no key, or one that the AWS service may publish by now."""
        context = {"aws:sns:topicArn": topic.arn}
        return await self._queues.may_use_key(topic.scope, topic.key, caller, "sns", context)

    def ended(self, topic: Topic) -> None:
        """The topic was deleted."""
        self._windows.end(topic.topic)

    def forget(self, now: int) -> None:
        """What is too old to matter."""
        self._windows.forget(now)

    def in_memory(self) -> dict[str, int]:
        return {
            "topics": len(self._topics),
            "deduplication of topics": len(self._windows),
            **self.signer.in_memory(),
        }

    async def add(self, writes: QueueWrites, topic: Topic, notification: Notification) -> Accepted:
        """Publish one that was prepared; a duplicate changes nothing and is answered as the first was."""
        if topic.fifo:
            reserved = await self._reserve(writes, topic, notification)
            if isinstance(reserved, Accepted):
                return reserved
            notification = reserved
        if topic.archived:
            data = orjson.dumps(notification.encoded())
            archive = archive_log(topic.topic)
            writes.changes.append(Append(topic.scope, archive, notification.time, data, notification.id))
        written = 0
        for subscription in topic.subscriptions:
            if subscription.confirmed and subscription.wants(notification):
                shown = protected(notification, topic.protection, OUTBOUND, subscription.principal)
                if shown is None:
                    continue  # the policy denies it to this subscriber
                await self._add_for(writes, topic, subscription, shown)
                written += len(notification.body_for(subscription.protocol))
                if (
                    written > LONG_TEXT and not topic.fifo
                ):  # others' turn; what has a number is not waited with
                    written = 0
                    await asyncio.sleep(0)
        return Accepted(notification.id, notification.sequence)

    async def prepare(self, topic: Topic, notification: Notification) -> None:
        """All that is waited for, before `add`: what a FIFO topic numbers is committed in the order of its numbers."""
        for subscription in topic.subscriptions:
            if subscription.by_body and subscription.pattern is not None:
                body = notification.body_for(subscription.protocol)
                await aside(len(body), body_fits, subscription.pattern, body)
        if topic.fifo:
            await self._window(topic, notification.time)
            for subscription in topic.subscriptions:
                if subscription.protocol == "sqs":
                    await self._queues.ready(subscription.endpoint, notification.time)

    async def replay(
        self, writes: QueueWrites, topic: Topic, subscription: Subscription, notification: Notification
    ) -> None:
        """Deliver an archived notification, whose `replayed` says when the replay began, to one subscription."""
        await self._queues.ready(subscription.endpoint, notification.replayed)
        await self._add_for(writes, topic, subscription, notification)

    async def sign(self, topic: Topic, notification: Notification, protocol: str) -> Signature:
        """One signature is right for all subscribers of a protocol: nothing in it is about the subscription."""
        text = signed_text(envelope(notification, protocol, "", "", to_be_signed("")))
        return await self.signer.sign(text, topic.signature_version)

    async def _reserve(
        self, writes: QueueWrites, topic: Topic, notification: Notification
    ) -> Notification | Accepted:
        window = await self._window(topic, notification.time)
        key = notification.deduplication
        if topic.by_group:
            key = f"{notification.group}|{key}"
        sequence = await writes.reserve(window, key, notification.id, notification.time)
        return sequence if isinstance(sequence, Accepted) else replace(notification, sequence=sequence)

    async def _window(self, topic: Topic, now: int) -> Deduplication:
        return await self._windows.of(topic.scope, topic.topic, now)

    async def _add_for(
        self, writes: QueueWrites, topic: Topic, subscription: Subscription, notification: Notification
    ) -> None:
        if subscription.replaying and not notification.replayed:
            known = RequireRecord(topic.scope, SUBSCRIPTION, subscription.key, subscription.revision)
            # The replay finds the notification in the archive, and cannot end between this and its last look at it.
            writes.changes += [known, PutRecord(topic.scope, LEFT_OUT, subscription.key, {})]
            return
        in_commit = subscription.protocol == "sqs" and (topic.fifo or not topic.logs_queues)
        if in_commit and self._strikes(subscription.endpoint):
            in_commit = False
        if in_commit and await self.add_to_queue(writes, topic, subscription, notification):
            self._hops.add(topic.arn, subscription.endpoint)
            return
        delivery = {
            "scope": list(topic.scope),
            "subscription": subscription.key,
            "notification": notification.encoded(),
            "attempt": 1,
        }
        writes.changes.append(Enqueue(SYSTEM, DELIVERIES, orjson.dumps(delivery), notification.time))

    async def add_to_queue(
        self, writes: QueueWrites, topic: Topic, subscription: Subscription, notification: Notification
    ) -> bool:
        """Whether the queue takes it; one that is not there is tried again later, as on AWS."""
        queue = await self._queues.find_arn(subscription.endpoint)
        if queue is None or not queue.access.admits(SERVICE, notification.topic_arn, SEND):
            return False
        if queue.key:
            caller = Caller.for_service(topic.scope.account, SERVICE, notification.topic_arn)
            context = {"aws:sqs:arn": subscription.endpoint}
            if not await self._queues.may_use_key(queue.scope, queue.key, caller, "sqs", context):
                return False
        version, further = "", 0
        if subscription.raw:
            body, attributes = (
                notification.body_for("sqs"),
                {name: dict(value) for name, value in notification.attributes.items()},
            )
        else:
            unsigned = to_be_signed(topic.signature_version)
            version, further = unsigned.version, LENGTH + len(self._endpoint)
            shown = envelope(notification, "sqs", self._endpoint, subscription.arn, unsigned)
            body, attributes = orjson.dumps(shown).decode(), {}
        if not 0 < len(body.encode()) + further <= queue.largest or (queue.fifo and not notification.group):
            return False
        incoming = Incoming(
            body,
            attributes,
            group=notification.group,
            deduplication=_queue_deduplication(notification) if queue.fifo else "",
            trace=notification.trace,
            signature_version=version,
        )
        time = notification.replayed or notification.time
        await self._queues.add(writes, queue, incoming, notification.sender, time)
        return True


def _queue_deduplication(notification: Notification) -> str:
    """A replay is not a repetition: it reaches the queue also within five minutes of the first delivery."""
    if not notification.replayed:
        return notification.deduplication
    return content_key(f"{notification.replayed}|{notification.deduplication}")


def _topic_of(record: RecordName) -> tuple[Scope, str]:
    """Of a topic's record, or of a subscription's, whose key begins with the topic's name."""
    return record.scope, record.key.partition(":")[0]
