"""Gives each test functions in a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from function_rig import Functions


@pytest.fixture
async def functions(tmp_path: Path) -> AsyncIterator[Functions]:
    made = Functions(tmp_path)
    yield made
    await made.runner.close()
