"""Who does not answer within two days is forgotten; the node's key is made once and kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from cryptography.x509 import load_pem_x509_certificate

from job_rig import delivering
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.keys.directory import Keys
from nightbus.messaging.mail_server import MailServer
from nightbus.messaging.queues import Queues
from nightbus.messaging.signing import Signer
from nightbus.messaging.topic import ENDED, SUBSCRIPTION
from nightbus.messaging.topics import DELIVERIES, Topics
from nightbus.services import sns
from nightbus.services.context import Context, Platform
from nightbus.services.sns.deliveries.jobs import NotificationJobs
from nightbus.services.sns.subscriptions import confirmation, subscriptions
from nightbus.services.sns.subscriptions.confidential import confirmation_token
from nightbus.services.sns.subscriptions.questions import EXPIRIES
from nightbus.services.sns.subscriptions.unconfirmed import forget_unanswered
from nightbus.services.sns.topics import topics
from nightbus.store.interface import SYSTEM, Counts, Enqueue, PutRecord, Record, TrimQueue
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

SCOPE = Scope("123456789012", "eu-west-1")
DAY_SECONDS = 24 * 3600
UNSIGNED = Caller.anonymous()


@dataclass
class Rig:
    platform: Platform
    clock: VirtualClock

    def ctx(self, caller: Caller | None = None) -> Context:
        signed = Caller.root(SCOPE.account, SCOPE.account)
        return Context(Call(SCOPE, caller or signed, "http://127.0.0.1:1"), self.platform)

    async def subscribe(self) -> tuple[str, str]:
        """The ARNs of a topic and of a subscription that is pending."""
        topic = (await topics.create_topic(self.ctx(), name="t"))["TopicArn"]
        made = await subscriptions.subscribe(
            self.ctx(),
            topic_arn=topic,
            protocol="email",
            endpoint="a@b.example",
            return_subscription_arn=True,
        )
        return topic, made["SubscriptionArn"]

    async def kept(self, kind: str) -> list[dict[str, Any]]:
        return [record.value for record in await self.platform.store.list(SCOPE, kind)]

    def token(self, value: dict[str, Any]) -> str:
        return confirmation_token(self.platform.vault, value["token"])

    async def until_none(self, kind: str) -> None:
        """Time goes on meanwhile: the worker may go to sleep only after the clock was moved."""
        async with asyncio.timeout(20):
            while await self.kept(kind):
                await self.clock.advance(60)
                await asyncio.sleep(0.01)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    """The worker runs; mail goes nowhere, and is tried again."""
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    queues = Queues(store, clock)
    vault = Vault()
    platform = Platform(
        store=store,
        clock=clock,
        operations=cast(Any, None),
        functions=cast(Any, None),
        router=cast(Any, None),
        stacks=cast(Any, None),
        credentials=cast(Any, None),
        queues=queues,
        topics=Topics(store, queues, "http://127.0.0.1:1"),
        log_sink=cast(Any, None),
        endpoint="http://127.0.0.1:1",
        invocables=store,
        vault=vault,
        keys=Keys(store, vault, clock),
        mail=MailServer("127.0.0.1", 1, "bus@nightbus.example"),
    )
    worker = asyncio.create_task(forget_unanswered(platform))
    async with delivering(platform, sns.JOB_QUEUES):
        yield Rig(platform, clock)
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    await store.close()


async def test_who_does_not_confirm_within_two_days_is_forgotten(rig: Rig) -> None:
    topic, _ = await rig.subscribe()
    await rig.clock.advance(2 * DAY_SECONDS - 1)
    (value,) = await rig.kept(SUBSCRIPTION)
    await rig.clock.advance(1)
    with pytest.raises(AwsError, match="Token"):
        await confirmation.confirm_subscription(rig.ctx(), topic_arn=topic, token=rig.token(value))
    await rig.until_none(SUBSCRIPTION)


async def test_who_is_asked_again_has_two_days_more(rig: Rig) -> None:
    topic, arn = await rig.subscribe()
    await rig.clock.advance(DAY_SECONDS)
    assert (await rig.subscribe()) == (topic, arn)
    await rig.clock.advance(2 * DAY_SECONDS - 1)
    (value,) = await rig.kept(SUBSCRIPTION)
    await confirmation.confirm_subscription(rig.ctx(), topic_arn=topic, token=rig.token(value))
    await rig.clock.advance(30 * DAY_SECONDS)
    ((confirmed),) = await rig.kept(SUBSCRIPTION)
    assert confirmed["confirmed"]


async def test_who_left_by_a_link_may_come_back_for_two_days(rig: Rig) -> None:
    topic, arn = await rig.subscribe()
    (value,) = await rig.kept(SUBSCRIPTION)
    await confirmation.confirm_subscription(rig.ctx(UNSIGNED), topic_arn=topic, token=rig.token(value))
    await subscriptions.unsubscribe(rig.ctx(UNSIGNED), subscription_arn=arn)
    assert await rig.kept(SUBSCRIPTION) == []
    (ended,) = await rig.kept(ENDED)
    assert ended["token"] != value["token"]
    await rig.clock.advance(2 * DAY_SECONDS)
    await rig.until_none(ENDED)
    with pytest.raises(AwsError, match="Token"):
        await confirmation.confirm_subscription(rig.ctx(), topic_arn=topic, token=rig.token(ended))


async def test_all_that_sign_at_once_sign_with_one_key(tmp_path: Path) -> None:
    clock = VirtualClock()
    store = SqliteStore.open(tmp_path, clock, durable=False)
    vault = Vault()
    one, other = Signer(store, "http://node", vault), Signer(store, "http://node", vault)
    found = await asyncio.gather(*(signer.sign("text", "1") for signer in (one, other) for _ in range(5)))
    assert len(set(found)) == 1  # PKCS #1 v1.5 knows no chance
    assert found[0].version == "1"
    assert (await one.sign("text", "2")).value != found[0].value
    path = found[0].certificate_url.removeprefix("http://node")
    certificate = await Signer(store, "http://node", vault).certificate(path)
    (record,) = await store.list(SYSTEM, "sns/signing")
    assert "PRIVATE KEY" not in str(record.value)
    assert certificate is not None
    assert certificate == await one.certificate(path) == await other.certificate(path)
    assert await one.certificate(path.replace(".pem", "0.pem")) is None
    assert load_pem_x509_certificate(certificate).not_valid_after_utc.year == 9999
    await store.close()


async def test_items_of_an_earlier_release_are_delivered(rig: Rig) -> None:
    """They had a `slot` where the endpoint was throttled, and the end of the wait for an answer among them."""
    jobs = NotificationJobs(rig.platform)
    notification = {
        "id": "n",
        "topic_arn": "arn:aws:sns:eu-west-1:123456789012:t",
        "bodies": {"default": "m"},
    }
    reference = {"scope": list(SCOPE), "subscription": "t:1"}
    throttled = {
        **reference,
        "attempt": 3,
        "slot": 5,
        "notification": {**notification, "time": 7, "sender": "1"},
    }
    job = jobs.decode(orjson.dumps(throttled))
    assert (job.attempt, job.accepted, job.origin.id) == (3, 7, "n")
    assert jobs.decode(jobs.encode(job)) == job
    question = {**reference, "attempt": 1, "question": "SubscriptionConfirmation", "id": "q", "time": 9}
    asked = jobs.decode(orjson.dumps(question))
    assert orjson.loads(jobs.encode(asked)) == question
    await rig.subscribe()
    (record,) = await rig.platform.store.list(SCOPE, SUBSCRIPTION)
    await rig.platform.store.commit(TrimQueue(SYSTEM, EXPIRIES))
    expiry = {"scope": list(SCOPE), "subscription": record.key, "expires": "SubscriptionConfirmation"}
    due = rig.clock.now_ms() + 2 * DAY_SECONDS * 1000
    await rig.platform.store.commit(Enqueue(SYSTEM, DELIVERIES, orjson.dumps(expiry), due))
    await rig.clock.advance(2 * DAY_SECONDS)
    await rig.until_none(SUBSCRIPTION)


async def test_an_end_that_cannot_be_read_is_dropped_and_delays_no_other(rig: Rig) -> None:
    for data in (b"[]", b'{"scope": 1}', b'{"scope": ["a"], "subscription": "t:1", "expires": "x"}'):
        await rig.platform.store.commit(Enqueue(SYSTEM, EXPIRIES, data, 0))
    await rig.subscribe()
    await rig.clock.advance(2 * DAY_SECONDS)
    await rig.until_none(SUBSCRIPTION)
    async with asyncio.timeout(10):
        while await rig.platform.store.count(SYSTEM, EXPIRIES) != Counts(0, 0, 0):
            await asyncio.sleep(0.001)


async def test_who_is_changed_at_the_last_moment_is_forgotten_all_the_same(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = rig.platform.store
    await rig.subscribe()
    ends = rig.clock.now_ms() + 2 * DAY_SECONDS * 1000
    read, changes = store.get, [1]

    async def changed_after_reading(scope: Scope, kind: str, key: str) -> Record | None:
        record = await read(scope, kind, key)
        if kind == SUBSCRIPTION and record is not None and changes and rig.clock.now_ms() >= ends:
            changes.clear()
            await store.commit(PutRecord(scope, kind, key, record.value))
        return record

    monkeypatch.setattr(store, "get", changed_after_reading)
    await rig.clock.advance(2 * DAY_SECONDS)
    await rig.until_none(SUBSCRIPTION)
    assert not changes
