"""A service's worker that fails, as with a full disk, begins again."""

from __future__ import annotations

import pytest

from nightbus.clock import SystemClock
from nightbus.node import background_work
from nightbus.node.background_work import BackgroundWork


async def test_a_worker_that_fails_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background_work, "_AGAIN_SECONDS", 0.0)
    begun: list[int] = []

    async def work() -> None:
        begun.append(len(begun))
        if len(begun) < 3:
            raise OSError("no space left")

    await BackgroundWork(SystemClock()).lasting("work", work)
    assert begun == [0, 1, 2]
