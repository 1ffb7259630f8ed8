"""Gives each test a stack engine over a store of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nightbus.clock import SystemClock
from nightbus.store.sqlite.store import SqliteStore
from stack_rig import Rig


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    store = SqliteStore.open(tmp_path, SystemClock(), durable=False)
    made = Rig(store)
    yield made
    await made.close()
    await store.close()
