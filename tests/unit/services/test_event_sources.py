"""A partner event source that nobody takes up is over after two weeks."""

from __future__ import annotations

from pathlib import Path

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.services.events.sources import SOURCE, active, new_source, source_of
from nightbus.store.interface import PutRecord
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("000000000000", "us-east-1")
NAME = "aws.partner/shop.example/a/b"
DAY = 24 * 3600 * 1000


async def test_waiting_ends_after_two_weeks_and_an_active_source_stays(tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, VirtualClock(), durable=False)
    waiting = new_source(NAME, "111111111111", 0)
    await store.commit(PutRecord(HERE, SOURCE, NAME, waiting))
    assert await source_of(store, HERE, NAME, 14 * DAY - 1) is not None
    assert await source_of(store, HERE, NAME, 14 * DAY) is None
    await store.commit(PutRecord(HERE, SOURCE, NAME, active(waiting)))
    assert await source_of(store, HERE, NAME, 15 * DAY) is not None
    await store.close()
