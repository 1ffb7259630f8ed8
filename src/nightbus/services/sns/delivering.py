"""Who brings notifications to those subscribers that are not queues of this node? A worker over the deliveries queue.

What nobody takes goes to the subscription's dead-letter queue; without one it is dropped, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.messaging.notification import Notification, envelope, lambda_event
from nightbus.messaging.queues import Incoming, Sending
from nightbus.messaging.topic import SUBSCRIPTION, Subscription, Topic, topic_arn
from nightbus.messaging.topics import DELIVERIES
from nightbus.services.context import Platform
from nightbus.services.sns.http import Refused, confirmation, post
from nightbus.services.sns.retries import aws_delay, http_delay, http_policy
from nightbus.store.interface import SYSTEM, Acknowledge, GiveBack, Item

log = logging.getLogger("nightbus.sns")

_AT_ONCE = 64
_LEASE_MS = 120_000
_WAIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Failure:
    text: str
    permanent: bool


async def deliver_notifications(platform: Platform) -> None:
    """The worker."""
    running: set[asyncio.Task[None]] = set()
    try:
        while True:
            if len(running) >= _AT_ONCE:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                continue
            free = _AT_ONCE - len(running)
            for item in await platform.store.lease(SYSTEM, DELIVERIES, free, _LEASE_MS, _WAIT_SECONDS):
                task = asyncio.create_task(_handle(platform, item))
                running.add(task)
                task.add_done_callback(running.discard)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _handle(platform: Platform, item: Item) -> None:
    try:
        await platform.queues.commit(await _outcome(platform, item))
    except Exception:
        log.exception("notification %d could not be brought on its way; it is tried again", item.id)


async def _outcome(platform: Platform, item: Item) -> Sending:
    """What becomes of the item after an attempt."""
    delivery: dict[str, Any] = orjson.loads(item.data)
    scope = Scope(*delivery["scope"])
    done = Sending([Acknowledge(item.id)])
    record = await platform.store.get(scope, SUBSCRIPTION, delivery["subscription"])
    topic = await platform.topics.find_arn(topic_arn(scope, delivery["subscription"].partition(":")[0]))
    if record is None or topic is None:
        return done  # unsubscribed meanwhile
    subscription = Subscription.of(scope, record)
    if "notification" in delivery:
        notification = Notification.decoded(delivery["notification"])
        failure = await _attempt(platform, topic, subscription, notification)
    else:
        notification = None
        body = confirmation(topic.arn, record.value["token"], delivery["asked"], platform.endpoint)
        failure = await _post(platform, topic, subscription, body, "SubscriptionConfirmation", raw=False)
    if failure is None:
        return done
    delay = None if failure.permanent else _delay(topic, subscription, delivery["attempt"])
    _tell(subscription, notification, failure, delay)
    if delay is not None:
        again = orjson.dumps({**delivery, "attempt": delivery["attempt"] + 1})
        return Sending([GiveBack(item.id, platform.clock.now_ms() + delay, again)])
    if notification is not None:
        await _bury(platform, done, subscription, notification)
    return done


def _delay(topic: Topic, subscription: Subscription, attempt: int) -> int | None:
    if subscription.protocol in ("http", "https"):
        policy = http_policy(topic.delivery_policy, subscription.attributes.get("DeliveryPolicy", ""))
        return http_delay(policy, attempt)
    return aws_delay(attempt)


async def _attempt(
    platform: Platform, topic: Topic, subscription: Subscription, notification: Notification
) -> _Failure | None:
    if subscription.protocol in ("http", "https"):
        if subscription.raw:
            body: Any = notification.body_for(subscription.protocol)
        else:
            body = envelope(notification, subscription.protocol, platform.endpoint, subscription.arn)
        return await _post(platform, topic, subscription, body, "Notification", raw=subscription.raw)
    caller = Caller.for_service(topic.scope.account, "sns.amazonaws.com", topic.arn)
    try:
        if subscription.protocol == "lambda":
            await _invoke(platform, subscription, notification, caller)
        else:
            await _send(platform, subscription, notification)
    except AwsError as error:
        permanent = error.status < 500 and not error.code.startswith(("Throttl", "TooManyRequests"))
        return _Failure(f"{error.code} {error.message}", permanent)
    return None


async def _invoke(
    platform: Platform, subscription: Subscription, notification: Notification, caller: Caller
) -> None:
    _, _, _, region, account, *_ = subscription.endpoint.split(":")
    call = Call(Scope(account, region), caller, platform.endpoint, trace=notification.trace)
    request = {
        "FunctionName": subscription.endpoint,
        "InvocationType": "Event",
        "Payload": lambda_event(notification, platform.endpoint, subscription.arn),
    }
    await platform.operations.call("lambda", "Invoke", request, call)


async def _send(platform: Platform, subscription: Subscription, notification: Notification) -> None:
    """A queue that could not take it in the publishing commit, tried again."""
    sending = Sending()
    if not await platform.topics.add_to_queue(sending, subscription, notification):
        raise AwsError("QueueDoesNotExist", "The specified queue does not exist.")
    await platform.queues.commit(sending)


async def _post(
    platform: Platform, topic: Topic, subscription: Subscription, body: Any, kind: str, raw: bool
) -> _Failure | None:
    try:
        await post(subscription, topic.arn, body, kind, raw)
    except Refused as refused:
        return _Failure(str(refused), refused.permanent)
    return None


async def _bury(
    platform: Platform, sending: Sending, subscription: Subscription, notification: Notification
) -> None:
    """Into the dead-letter queue, in the commit that ends the delivery."""
    arn = subscription.dead_letter_queue
    queue = await platform.queues.find_arn(arn) if arn is not None else None
    if queue is None:
        log.error("notification %s for %s is lost: no dead-letter queue", notification.id, subscription.arn)
        return
    if subscription.raw:
        body = notification.body_for(subscription.protocol)
    else:
        shown = envelope(notification, subscription.protocol, platform.endpoint, subscription.arn)
        body = orjson.dumps(shown).decode()
    incoming = Incoming(body, {}, notification.group, notification.deduplication, trace=notification.trace)
    await platform.queues.add(sending, queue, incoming, notification.sender, platform.clock.now_ms())


def _tell(
    subscription: Subscription, notification: Notification | None, failure: _Failure, delay: int | None
) -> None:
    log.warning(
        "%s was not delivered to %s %s: %s; %s",
        "a confirmation request" if notification is None else f"notification {notification.id}",
        subscription.protocol,
        subscription.endpoint,
        failure.text,
        "given up" if delay is None else f"again in {delay / 1000:g} s",
    )
