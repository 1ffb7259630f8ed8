"""Gives the tests of delivery a real store over a virtual clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from delivery_rig import open_store
from nightbus.clock import VirtualClock
from nightbus.store.sqlite.store import SqliteStore


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def store(tmp_path: Path, clock: VirtualClock) -> AsyncIterator[SqliteStore]:
    opened = open_store(tmp_path, clock)
    yield opened
    await opened.close()
