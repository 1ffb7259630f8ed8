"""Each record that asks for a poller has one, which follows its changes; none of them holds up another."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from delivery_rig import HERE, open_store, until
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.delivery.polling.poller import Poller, PollerSettings
from nightbus.delivery.polling.pollers import Carrying, PolledKind, run_pollers
from nightbus.delivery.polling.records import SourceRecord
from nightbus.store.duties import KIND as DUTY
from nightbus.store.interface import SYSTEM, DeleteRecord, PutRecord, Record
from nightbus.store.sqlite.store import SqliteStore

PIPE = "test/pipe"
ELSEWHERE = Scope(HERE.account, "us-east-1")


class Words:
    """A source that gives its word once, and a sink that keeps what it gets."""

    largest = 1000

    def __init__(self, word: str, said: list[str]) -> None:
        self.name = word
        self._said = said
        self._left = [{"messageId": "1", "body": word}]

    async def receive(self, limit: int, wait: int) -> list[SourceRecord]:
        if not self._left:
            await asyncio.Event().wait()
        return [self._left.pop()]

    async def finish(self, records: Sequence[SourceRecord]) -> None:
        pass

    async def give_back(self, records: Sequence[SourceRecord]) -> None:
        pass

    async def send(self, records: Sequence[SourceRecord]) -> Sequence[SourceRecord]:
        self._said += [str(record["body"]) for record in records]
        return records


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = open_store(tmp_path, SystemClock())
    yield opened
    await opened.close()


@pytest.fixture
async def said(store: SqliteStore) -> AsyncIterator[list[str]]:
    """What the pollers carry while the test runs."""
    heard: list[str] = []

    def poller_of(scope: Scope, record: Record, carrying: Carrying) -> Poller | None:
        word = record.value["word"]
        if word is None:
            return None
        words = Words(f"{scope.region} {word}", heard)
        return Poller(SystemClock(), words, words, PollerSettings(1), carrying)

    polled = PolledKind(PIPE, duty, poller_of)
    running = asyncio.create_task(run_pollers(store, SystemClock(), polled))
    yield heard
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def duty(scope: Scope, key: str) -> str:
    return f"pipe {scope.region}/{key}"


def pipe(word: str | None, scope: Scope = HERE, key: str = "p") -> PutRecord:
    return PutRecord(scope, PIPE, key, {"word": word})


async def test_a_record_that_is_changed_has_another_poller(store: SqliteStore, said: list[str]) -> None:
    await store.commit(pipe("one"))
    await until(lambda: said == ["eu-west-1 one"])
    await store.commit(pipe(None))
    await store.commit(pipe("two"))
    await until(lambda: said == ["eu-west-1 one", "eu-west-1 two"])


async def test_records_of_one_key_in_two_regions_are_both_polled(store: SqliteStore, said: list[str]) -> None:
    await store.commit(pipe("one"), pipe("one", ELSEWHERE))
    await until(lambda: sorted(said) == ["eu-west-1 one", "us-east-1 one"])


async def test_nothing_is_left_of_a_deleted_record(store: SqliteStore, said: list[str]) -> None:
    await store.commit(pipe("one"))
    await until(lambda: said == ["eu-west-1 one"])
    assert await store.get(SYSTEM, DUTY, duty(HERE, "p")) is not None
    await store.commit(DeleteRecord(HERE, PIPE, "p"))
    async with asyncio.timeout(10):
        while await store.get(SYSTEM, DUTY, duty(HERE, "p")) is not None:
            await asyncio.sleep(0.002)


async def test_a_record_that_cannot_be_read_holds_up_no_other(
    store: SqliteStore, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    await store.commit(PutRecord(HERE, PIPE, "a", {}), pipe("one", key="b"))
    await until(lambda: said == ["eu-west-1 one"])
    assert "the pipe eu-west-1/a failed and is passed over this time: KeyError" in caplog.text
