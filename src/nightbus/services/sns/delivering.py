"""Delivers notifications to the subscribers that are not queues of this node, with retries and dead letters.

What nobody takes goes to the subscription's dead-letter queue; without one it is dropped, and the log says so.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.ids import new_request_id
from nightbus.delivery.fair_worker import FairWorker, Work
from nightbus.delivery.shares import Shares
from nightbus.delivery.trace_log import brought
from nightbus.messaging.notification import Notification
from nightbus.messaging.queue import SEND
from nightbus.messaging.queue_writes import Incoming, QueueWrites
from nightbus.messaging.topic import ENDED, SUBSCRIPTION, Subscription, Topic, topic_arn
from nightbus.messaging.topics import DELIVERIES, SERVICE
from nightbus.services.context import Platform
from nightbus.services.sns.http import without_secret
from nightbus.services.sns.notification_sender import HTTP, MAIL, Carrier, Failure
from nightbus.services.sns.questions import SUBSCRIBE, Question
from nightbus.services.sns.retries import AWS_ENDPOINTS, SMTP, http_delivery
from nightbus.services.sns.throttle import Throttle
from nightbus.services.sns.unconfirmed import forget
from nightbus.store.interface import Append, Item, Record

log = logging.getLogger("nightbus.sns")

_AT_ONCE = 256
_AT_ONCE_TO_ONE = 32
_LEASE_MS = 120_000


async def deliver_notifications(platform: Platform) -> None:
    """The worker: each subscription has its share."""
    deliveries = Deliveries(platform, Carrier(platform))
    shares = Shares(_AT_ONCE, _AT_ONCE_TO_ONE)
    worker = FairWorker(platform.store, platform.clock, DELIVERIES, _LEASE_MS, shares, deliveries.work_of)
    try:
        await worker.run_until_cancelled()
    finally:
        deliveries.carrier.close()


class Deliveries:
    def __init__(self, platform: Platform, carrier: Carrier) -> None:
        self.carrier = carrier
        self._platform = platform
        self._throttle = Throttle()

    def work_of(self, item: Item) -> Work:
        """Raises ValueError and the like for what cannot be read."""
        delivery: dict[str, Any] = orjson.loads(item.data)
        key = "" if "expires" in delivery else "|".join((*delivery["scope"], delivery["subscription"]))
        return Work(key, partial(self._deliver, item, delivery))

    async def _deliver(self, item: Item, delivery: dict[str, Any], _late: bool) -> None:
        writes = await self._outcome(item, delivery)
        await writes.commit()

    async def _outcome(self, item: Item, delivery: dict[str, Any]) -> QueueWrites:
        """What is to be written after an attempt."""
        scope = Scope(*delivery["scope"])
        if "expires" in delivery:
            await forget(self._platform, scope, delivery["subscription"], delivery["expires"])
            return self._platform.queues.writes(item.acknowledge())
        kind = SUBSCRIPTION if delivery.get("question", SUBSCRIBE) == SUBSCRIBE else ENDED
        record = await self._platform.store.get(scope, kind, delivery["subscription"])
        arn = topic_arn(scope, delivery["subscription"].partition(":")[0])
        topic = await self._platform.topics.find_arn(arn)
        if record is None or topic is None:
            return self._platform.queues.writes(item.acknowledge())  # unsubscribed meanwhile
        subscription = Subscription.of(scope, record)
        if "question" in delivery:
            return await self._ask(item, delivery, topic, subscription, record)
        return await self._notify(item, delivery, topic, subscription)

    async def _notify(
        self, item: Item, delivery: dict[str, Any], topic: Topic, subscription: Subscription
    ) -> QueueWrites:
        later = self._later(topic, subscription, delivery)
        if later is not None:
            return self._platform.queues.writes(
                item.give_back(later, orjson.dumps({**delivery, "slot": later}))
            )
        notification = Notification.decoded(delivery["notification"])
        request_id = new_request_id()
        failure = await self.carrier.notify(topic, subscription, notification, request_id)
        if failure is None:
            return self._platform.queues.writes(
                item.acknowledge(), *self._noted(subscription, notification, request_id)
            )
        writes, again = self._after(item, delivery, topic, subscription, failure)
        lost = await self._bury(writes, topic, subscription, notification) if again is None else ""
        _tell(f"notification {notification.id}", subscription, failure, again, lost)
        return writes

    def _noted(self, subscription: Subscription, notification: Notification, request_id: str) -> list[Append]:
        """For who traces an event that was in it."""
        if subscription.protocol != "lambda":
            return []
        messages = {notification.id: (notification.id, notification.time)}
        now = self._platform.clock.now_ms()
        return brought(subscription.endpoint, request_id, notification.topic_arn, messages, now)

    async def _ask(
        self,
        item: Item,
        delivery: dict[str, Any],
        topic: Topic,
        subscription: Subscription,
        record: Record,
    ) -> QueueWrites:
        if delivery["question"] == SUBSCRIBE and subscription.confirmed:
            return self._platform.queues.writes(item.acknowledge())
        question = Question(
            kind=delivery["question"],
            id=delivery["id"],
            topic_arn=topic.arn,
            subscription_arn=subscription.arn,
            token=record.value["token"],
            time=delivery["time"],
        )
        failure = await self.carrier.ask(topic, subscription, question)
        if failure is None:
            return self._platform.queues.writes(item.acknowledge())
        writes, again = self._after(item, delivery, topic, subscription, failure)
        _tell(f"the {question.kind}", subscription, failure, again)
        return writes

    def _later(self, topic: Topic, subscription: Subscription, delivery: dict[str, Any]) -> int | None:
        """When the subscriber's turn is, where its policy says that it gets only so many a second."""
        if "slot" in delivery or subscription.protocol not in HTTP:
            return None
        way = http_delivery(topic.delivery_policy, subscription.attributes.get("DeliveryPolicy", ""))
        if not way.per_second:
            return None
        now = self._platform.clock.now_ms()
        slot = self._throttle.slot(subscription.key, way.per_second, now)
        return slot if slot > now else None

    def _after(
        self,
        item: Item,
        delivery: dict[str, Any],
        topic: Topic,
        subscription: Subscription,
        failure: Failure,
    ) -> tuple[QueueWrites, int | None]:
        """What is written of a failed attempt, and the milliseconds to the next one, None where it was the last."""
        delay = None if failure.permanent else _delay(topic, subscription, delivery["attempt"])
        if delay is None:
            return self._platform.queues.writes(item.acknowledge()), None
        again = {**delivery, "attempt": delivery["attempt"] + 1}
        again.pop("slot", None)
        due = self._platform.clock.now_ms() + delay
        return self._platform.queues.writes(item.give_back(due, orjson.dumps(again))), delay

    async def _bury(
        self, writes: QueueWrites, topic: Topic, subscription: Subscription, notification: Notification
    ) -> str:
        """Into the dead-letter queue, in the commit that ends the delivery. Why it is lost, "" where it is not."""
        arn = subscription.dead_letter_queue
        queues = self._platform.queues
        queue = await queues.find_arn(arn) if arn is not None else None
        if queue is None or not queue.access.admits(SERVICE, topic.arn, SEND):
            if arn is None:
                return "it has no dead-letter queue"
            return f"{arn} {'does not exist' if queue is None else 'does not permit the topic to send to it'}"
        body = await self.carrier.shown(topic, subscription, notification)
        attributes = {name: dict(value) for name, value in notification.attributes.items()}
        incoming = Incoming(
            body,
            attributes if subscription.raw else {},
            notification.group,
            notification.deduplication,
            trace=notification.trace,
        )
        await queues.add(writes, queue, incoming, notification.sender, self._platform.clock.now_ms())
        return ""


def _delay(topic: Topic, subscription: Subscription, attempt: int) -> int | None:
    if subscription.protocol in HTTP:
        policy = subscription.attributes.get("DeliveryPolicy", "")
        return http_delivery(topic.delivery_policy, policy).retries.delay(attempt)
    return (SMTP if subscription.protocol in MAIL else AWS_ENDPOINTS).delay(attempt)


def _tell(what: str, subscription: Subscription, failure: Failure, delay: int | None, lost: str = "") -> None:
    """One line of each attempt. Of what is lost it is all that stays, so each one is told of, with its subscription."""
    where = f"{subscription.protocol} {without_secret(subscription.endpoint)}"
    if lost:
        log.error(
            "%s was not delivered to %s: %s; it is lost for %s: %s",
            what,
            where,
            failure.text,
            subscription.arn,
            lost,
        )
        return
    log.warning(
        "%s was not delivered to %s: %s; %s",
        what,
        where,
        failure.text,
        "given up" if delay is None else f"again in {delay / 1000:g} s",
    )
