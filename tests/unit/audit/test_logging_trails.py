"""Which trails are logging is the same for all who ask, also while it is read and after a change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from nightbus.audit.logging_trails import LoggingTrails
from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.services.cloudtrail.records import TRAIL_RECORD
from nightbus.store.interface import PutRecord
from nightbus.store.sqlite.store import SqliteStore

SCOPE = Scope("123456789012", "us-east-1")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    made = SqliteStore.open(tmp_path / "data", VirtualClock(), durable=False)
    yield made
    await made.close()


def trail(*, logging: bool) -> PutRecord:
    return PutRecord(SCOPE, TRAIL_RECORD, "t", {"logging": logging, "multi": False, "selectors": []})


async def test_who_asks_while_the_trails_are_read_gets_the_same_answer(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    trails = LoggingTrails(store)
    await store.commit(trail(logging=True))
    list_records = store.list

    async def slowly(*args: Any, **more: Any) -> Any:
        await asyncio.sleep(0)
        return await list_records(*args, **more)

    monkeypatch.setattr(store, "list", slowly)
    assert await asyncio.gather(*(trails.log_events_of(SCOPE) for _ in range(3))) == [True] * 3


async def test_what_was_read_before_a_change_is_not_remembered(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    trails = LoggingTrails(store)
    await store.commit(trail(logging=True))
    list_records = store.list

    async def before_a_change(*args: Any, **more: Any) -> Any:
        found = await list_records(*args, **more)
        await store.commit(trail(logging=False))
        return found

    monkeypatch.setattr(store, "list", before_a_change)
    await trails.log_events_of(SCOPE)
    monkeypatch.setattr(store, "list", list_records)
    assert not await trails.log_events_of(SCOPE)
