"""Says how notifications, and the questions whether somebody subscribes, reach subscribers that are not queues of this
node, and what they leave behind.

A job in the queue names its subscription. The subscription and its topic are read before each attempt, so a changed
delivery policy counts at once, and a job whose subscription has ended is dropped. A notification that nobody takes
goes to the subscription's dead-letter queue; without one it is lost, and the log says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

import orjson

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.delivery.jobs import Attempt, DeadLetter, Delivered, Failed, Job, Lost
from nightbus.delivery.trace_log import brought
from nightbus.messaging.notification import Notification
from nightbus.messaging.queue_writes import Incoming
from nightbus.messaging.topic import ENDED, SUBSCRIPTION, Subscription, Topic, topic_arn
from nightbus.messaging.topics import DELIVERIES, SERVICE
from nightbus.services.context import Platform
from nightbus.services.sns.deliveries.deliveries import DeliveryMaker, without_secret
from nightbus.services.sns.deliveries.logs import topic_log
from nightbus.services.sns.deliveries.outgoing import Outgoing
from nightbus.services.sns.deliveries.retries import AWS_ENDPOINTS, SubscriberPolicy
from nightbus.services.sns.subscriptions.confidential import confirmation_token
from nightbus.services.sns.subscriptions.questions import SUBSCRIBE, Question
from nightbus.services.sns.subscriptions.unconfirmed import forget
from nightbus.store.interface import Change, Record
from nightbus.store.vault import Vault

log = logging.getLogger("nightbus.sns")
_SESSION = "AmazonSNS"  # of a subscription's role


@dataclass(frozen=True, slots=True)
class QueuedQuestion:
    """`kind` is SUBSCRIBE or RESTORE, `id` the message's, `time` UTC ms."""

    kind: str
    id: str
    time: int


@dataclass(frozen=True, slots=True)
class QueuedExpiry:
    """The end of the time to answer a question, as earlier releases queued it among the notifications."""

    kind: str
    id: str = "expiry"
    time: int = 0


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A subscription and its topic, as they are now."""

    topic: Topic
    subscription: Subscription


@dataclass(frozen=True, slots=True)
class SubscriptionOrigin:
    """`key` is that of the subscription's record; `subscriber` is known once the job is about to be delivered."""

    scope: Scope
    key: str
    message: Notification | QueuedQuestion | QueuedExpiry
    subscriber: Subscriber | None = None

    @property
    def arn(self) -> str:
        """The topic's."""
        return topic_arn(self.scope, self.key.partition(":")[0])

    @property
    def id(self) -> str:
        return self.message.id

    @property
    def reached(self) -> Subscriber:
        assert self.subscriber is not None
        return self.subscriber


SubscriberJob = Job[SubscriptionOrigin]


class NotificationJobs:
    """Implements `nightbus.delivery.jobs.JobQueue`. Each subscription has its share of the slots."""

    name = DELIVERIES

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._maker = DeliveryMaker(platform)

    def decode(self, data: bytes) -> SubscriberJob:
        value = orjson.loads(data)
        scope, key = Scope(*value["scope"]), str(value["subscription"])
        message: Notification | QueuedQuestion | QueuedExpiry
        if "expires" in value:
            message = QueuedExpiry(value["expires"])
        elif "question" in value:
            message = QueuedQuestion(value["question"], value["id"], value["time"])
        else:
            message = Notification.decoded(value["notification"])
        return Job(
            target={},
            input=b"",
            policy=SubscriberPolicy(AWS_ENDPOINTS),
            origin=SubscriptionOrigin(scope, key, message),
            accepted=message.time,
            attempt=value.get("attempt", 1),
            share="|".join((*scope, key)),
            trace=message.trace if isinstance(message, Notification) else "",
        )

    def encode(self, job: SubscriberJob) -> bytes:
        origin, message = job.origin, job.origin.message
        value = {"scope": list(origin.scope), "subscription": origin.key, "attempt": job.attempt}
        if isinstance(message, Notification):
            value["notification"] = message.encoded()
        else:
            value |= {"question": message.kind, "id": message.id, "time": message.time}
        return orjson.dumps(value)

    async def current(self, job: SubscriberJob) -> SubscriberJob | None:
        """None after an Unsubscribe, and for a question that was answered."""
        scope, key, message = job.origin.scope, job.origin.key, job.origin.message
        if isinstance(message, QueuedExpiry):
            await forget(self._platform, scope, key, message.kind)
            return None
        is_question = isinstance(message, QueuedQuestion)
        kind = ENDED if isinstance(message, QueuedQuestion) and message.kind != SUBSCRIBE else SUBSCRIPTION
        record = await self._platform.store.get(scope, kind, key)
        topic = await self._platform.topics.find_arn(job.origin.arn)
        if record is None or topic is None:
            return None
        subscription = Subscription.of(scope, record)
        if is_question and kind == SUBSCRIPTION and subscription.confirmed:
            return None
        if isinstance(message, Notification):
            delivery = await self._maker.notification(topic, subscription, message)
        else:
            question = _question(message, topic, subscription, record, self._platform.vault)
            delivery = await self._maker.question(topic, subscription, question)
        origin = replace(job.origin, subscriber=Subscriber(topic, subscription))
        return replace(
            job, target=delivery.target, input=delivery.input, policy=delivery.policy, origin=origin
        )

    def call(self, job: SubscriberJob, endpoint: str) -> Call:
        """From SNS, on behalf of the topic, where the subscriber lives; in the subscription's role, if it has one."""
        home, role = job.origin.scope, job.target.get("RoleArn")
        caller = Caller.for_service(home.account, SERVICE, job.origin.arn)
        if role:
            caller = Caller.in_role(str(role), _SESSION, SERVICE, job.origin.arn)
        return Call(job.target_scope(home), caller, endpoint, trace=job.trace)

    async def records(self, job: SubscriberJob, attempt: Attempt) -> list[Change]:
        """The outbox's entry, the delivery status log, and for those who trace an event which invocation got it."""
        message, topic = job.origin.message, job.origin.reached.topic
        subscription, store = job.origin.reached.subscription, self._platform.store
        changes: list[Change] = []
        if "Outbox" in job.target:
            outgoing = Outgoing.of(job.target, job.input)
            changes += await outgoing.changes(store, topic.scope, message.id, attempt.ended, topic.arn)
        if isinstance(message, Notification):
            changes += await topic_log(store, topic, subscription, message, attempt, job.attempt)
        if isinstance(attempt.outcome, Delivered) and subscription.protocol == "lambda":
            messages = {message.id: (message.id, message.time)}
            request_id = attempt.outcome.request_id
            changes += brought(subscription.endpoint, request_id, job.origin.arn, messages, attempt.ended)
        return changes

    async def dead_letter(self, job: SubscriberJob, failure: Failed) -> DeadLetter | None:
        """The text that the subscriber did not take. A question is asked again by Subscribe, and has none."""
        topic, subscription = job.origin.reached.topic, job.origin.reached.subscription
        queue, message = subscription.dead_letter_queue, job.origin.message
        if queue is None or not isinstance(message, Notification):
            return None
        letter = Incoming(
            await self._maker.body(topic, subscription, message),
            {name: dict(value) for name, value in message.attributes.items()} if subscription.raw else {},
            message.group,
            message.deduplication,
            trace=message.trace,
        )
        return DeadLetter(queue, SERVICE, topic.arn, message.sender, letter, "the topic")

    def log_failure(self, job: SubscriberJob, failure: Failed, attempt: Attempt) -> None:
        """One line of each attempt. Of a lost notification it is all that stays, so it names the subscription."""
        subscription, message = job.origin.reached.subscription, job.origin.message
        is_notification = isinstance(message, Notification)
        name = f"notification {message.id}" if is_notification else f"the {_kind(message)}"
        text = f"{failure.code} {failure.message}" if "Arn" in job.target else failure.message
        endpoint = without_secret(subscription.protocol, subscription.endpoint)
        line = f"{name} was not delivered to {subscription.protocol} {endpoint}"
        if attempt.again_ms is not None:
            log.warning("%s: %s; again in %g s", line, text, (attempt.again_ms - attempt.ended) / 1000)
        elif is_notification and (lost := _why_lost(attempt)):
            log.error("%s: %s; it is lost for %s: %s", line, text, subscription.arn, lost)
        else:
            log.warning("%s: %s; given up", line, text)


def _question(
    message: QueuedQuestion, topic: Topic, subscription: Subscription, record: Record, vault: Vault
) -> Question:
    return Question(
        kind=message.kind,
        id=message.id,
        topic_arn=topic.arn,
        subscription_arn=subscription.arn,
        token=confirmation_token(vault, record.value["token"]),
        time=message.time,
    )


def _kind(message: Notification | QueuedQuestion | QueuedExpiry) -> str:
    return "Notification" if isinstance(message, Notification) else message.kind


def _why_lost(attempt: Attempt) -> str:
    """ "" where a dead-letter queue has it."""
    if attempt.letter is None:
        return "it has no dead-letter queue"
    return f"{attempt.letter.queue}: {attempt.letter.why}" if isinstance(attempt.letter, Lost) else ""
