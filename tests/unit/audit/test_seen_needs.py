"""What roles ask for is written once a day, and a role that asks for ever new objects has one pattern."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightbus.audit.seen_needs import Seen, SeenNeeds, generalised, seen_of
from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.identity.principals import ROLE
from nightbus.policies.request import Need
from nightbus.store.interface import DeleteRecord, PutRecord
from nightbus.store.sqlite.store import SqliteStore

ROLE_ARN = "arn:aws:iam::123456789012:role/path/Worker"
PUT = Need("events:PutEvents", "arn:aws:events:us-east-1:123456789012:event-bus/default")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore.open(tmp_path / "data", VirtualClock(), durable=False)
    yield made
    await made.close()


def objects(count: int) -> list[Need]:
    return [Need("s3:PutObject", f"arn:aws:s3:::b/invoices/{number}") for number in range(count)]


async def test_what_was_seen_is_written_once_a_day(store: SqliteStore) -> None:
    clock = VirtualClock()
    seen = SeenNeeds(store, clock)
    assert [seen.see(ROLE_ARN, [PUT]), seen.see(ROLE_ARN, [PUT])] == [True, False]
    await clock.advance(24 * 3600)
    assert seen.see(ROLE_ARN, [PUT])
    await store.commit(*seen.waiting)
    assert await seen_of(store, ROLE_ARN) == [Seen(*PUT[:2])]


async def test_ever_new_objects_become_a_pattern_that_is_written_once(store: SqliteStore) -> None:
    seen = SeenNeeds(store, VirtualClock())
    for need in objects(1000):
        seen.see(ROLE_ARN, [need])
    assert len(seen.waiting) == 13
    assert seen.waiting[-1].data == b'["s3:PutObject","arn:aws:s3:::b/invoices/*"]'
    seen.see(ROLE_ARN, [Need("s3:PutObject", "arn:aws:s3:::other/x")])
    assert len(seen.waiting) == 14


async def test_the_streams_of_a_log_group_are_one_pattern(store: SqliteStore) -> None:
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f"
    seen = SeenNeeds(store, VirtualClock())
    needs = [Need("logs:PutLogEvents", f"{group}:log-stream:{number}") for number in range(20)]
    assert [seen.see(ROLE_ARN, [need]) for need in needs] == [True] + [False] * 19
    seen.see(ROLE_ARN, [Need("logs:CreateLogGroup", f"{group}:log-stream:")])
    await store.commit(*seen.waiting)
    actions = ("logs:CreateLogGroup", "logs:PutLogEvents")
    assert await seen_of(store, ROLE_ARN) == [Seen(action, f"{group}:*") for action in actions]


async def test_a_role_that_is_deleted_is_forgotten(store: SqliteStore) -> None:
    seen = SeenNeeds(store, VirtualClock())
    scope = Scope("123456789012", "")
    await store.commit(PutRecord(scope, ROLE, "worker", {}))
    seen.see(ROLE_ARN, [PUT])
    await store.commit(DeleteRecord(scope, ROLE, "worker"))
    assert seen.in_memory() == {"roles seen": 0}


@pytest.mark.parametrize(
    ("resources", "pattern"),
    [
        (["arn:aws:s3:::b/a/1", "arn:aws:s3:::b/a/2"], "arn:aws:s3:::b/a/*"),
        (["arn:aws:s3:::b/a/1", "arn:aws:s3:::b/b/2"], "arn:aws:s3:::b/*"),
        (
            ["arn:aws:sqs:eu-west-1:1:shop-one", "arn:aws:sqs:eu-west-1:1:shop-two"],
            "arn:aws:sqs:eu-west-1:1:shop-*",
        ),
        (["arn:aws:sqs:eu-west-1:1:q", "arn:aws:sns:eu-west-1:1:t"], "*"),
    ],
)
def test_generalised(resources: list[str], pattern: str) -> None:
    assert generalised(resources) == pattern
