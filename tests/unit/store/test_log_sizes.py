"""The sizes of logs are what they take on the disk, by which the history and the audit trail are kept small."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.store.interface import Append
from nightbus.store.sqlite.store import SqliteStore

HERE = Scope("111111111111", "eu-west-1")


def bytes_of_pages(folder: Path) -> int:
    connection = sqlite3.connect(folder / "nightbus.db")
    pages = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")]
    connection.close()
    return int(pages[0] * pages[1])


@pytest.mark.parametrize("length", [100, 700, 1_300, 3_000, 4_500, 9_000, 100_000])
async def test_a_log_takes_what_its_size_says(length: int, tmp_path: Path) -> None:
    store = SqliteStore.open(tmp_path, VirtualClock(), durable=False)
    number = max(2_000_000 // length, 100)
    await store.commit(*(Append(HERE, "other", at, b"x", "key") for at in range(10)))
    await store.close()
    empty = bytes_of_pages(tmp_path)
    store = SqliteStore.open(tmp_path, VirtualClock(), durable=False)
    await store.commit(*(Append(HERE, "log", at, b"x" * length, "key") for at in range(number)))
    sizes = await store.log_sizes(HERE, "log", 60_000)
    await store.close()
    taken = bytes_of_pages(tmp_path) - empty
    assert 0.65 * taken < sum(sizes.values()) < 1.05 * taken  # two indexes take the rest
