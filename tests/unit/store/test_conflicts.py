"""Attempts that meet begin again until each has come through; whoever never does is told so."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.services.conflicts import conflict_error
from nightbus.store.conflicts import MOST_ATTEMPTS, Contended, retries_on_conflict
from nightbus.store.interface import Conflict, PutRecord
from nightbus.store.sqlite.store import SqliteStore

SCOPE = Scope("1", "eu-west-1")


async def test_of_fifty_counters_at_once_none_loses_its_count(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, SystemClock())

    @retries_on_conflict
    async def count() -> None:
        record = await store.get(SCOPE, "kind", "key")
        value = {"n": record.value["n"] + 1 if record else 1}
        await store.commit(PutRecord(SCOPE, "kind", "key", value, record.revision if record else 0))

    await asyncio.gather(*(count() for _ in range(50)))
    record = await store.get(SCOPE, "kind", "key")
    assert record is not None
    assert record.value == {"n": 50}
    await store.close()


async def test_an_attempt_that_always_loses_comes_to_an_end() -> None:
    attempts = 0

    @retries_on_conflict
    async def lose() -> None:
        nonlocal attempts
        attempts += 1
        raise Conflict("kind", "key")

    with pytest.raises(Contended) as lost:
        await lose()
    assert attempts == MOST_ATTEMPTS
    assert lost.value.key == "key"


async def test_who_has_lost_often_waits_between_attempts() -> None:
    """Else it keeps time with others, whose commits come just before its own each time."""
    ends = asyncio.get_running_loop().time() + 0.05

    @retries_on_conflict
    async def lose_for_a_while() -> None:
        if asyncio.get_running_loop().time() < ends:
            raise Conflict("kind", "key")

    await lose_for_a_while()


async def test_other_failures_are_not_tried_again() -> None:
    attempts = 0

    @retries_on_conflict
    async def fail() -> None:
        nonlocal attempts
        attempts += 1
        raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert attempts == 1


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        ("events", "ConcurrentModificationException", 400),
        ("lambda", "ResourceConflictException", 409),
        ("iam", "ConcurrentModification", 409),
        ("cloudformation", "Throttling", 400),
    ],
)
def test_each_service_has_its_own_word_for_it(service: str, code: str, status: int) -> None:
    error = conflict_error(service, "key")
    assert (error.code, error.status) == (code, status)
