"""Changers of one record that meet lose no change, and an edit that raises writes nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.changing import change
from nightbus.store.interface import PutRecord, Record
from nightbus.store.sqlite.store import SqliteStore

SCOPE = Scope("1", "eu-west-1")


async def test_of_fifty_changers_at_once_none_loses_its_change_and_one_that_raises_writes_nothing(
    tmp_path: Path,
) -> None:
    store = SqliteStore.open(tmp_path, SystemClock())
    await store.commit(PutRecord(SCOPE, "kind", "key", {"n": 0}))

    async def find() -> Record:
        record = await store.get(SCOPE, "kind", "key")
        assert record is not None
        return record

    def count(value: dict[str, Any]) -> dict[str, Any]:
        return {"n": value["n"] + 1}

    def refuse(value: dict[str, Any]) -> dict[str, Any]:
        value["n"] = -1
        raise ValueError("refused")

    counts = await asyncio.gather(*(change(store, SCOPE, "kind", find, count) for _ in range(50)))
    assert sorted(value["n"] for value in counts) == list(range(1, 51))
    with pytest.raises(ValueError, match="refused"):
        await change(store, SCOPE, "kind", find, refuse)
    assert (await find()).value == {"n": 50}
    await store.close()
