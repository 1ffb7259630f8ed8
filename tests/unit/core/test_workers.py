"""A service's worker that fails, as with a full disk, begins again."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightbus.node import node as node_module
from nightbus.node.node import Node


async def test_a_worker_that_fails_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "_AGAIN_SECONDS", 0.0)
    node = Node(tmp_path, "http://127.0.0.1:4566")
    begun: list[int] = []

    async def work() -> None:
        begun.append(len(begun))
        if len(begun) < 3:
            raise OSError("no space left")

    await node._lasting("work", work)
    assert begun == [0, 1, 2]
