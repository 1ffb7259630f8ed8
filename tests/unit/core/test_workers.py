"""A service's worker that fails, as with a full disk, begins again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from nightbus.node import node as node_module
from nightbus.node.node import Node


async def test_a_worker_that_fails_begins_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_module, "_AGAIN_SECONDS", 0.0)
    node = Node(tmp_path, "http://127.0.0.1:4566")
    node.platform = cast(Any, "the platform")
    given: list[Any] = []

    async def worker(platform: Any) -> None:
        given.append(platform)
        if len(given) < 3:
            raise OSError("no space left")

    await node._lasting(worker)
    assert given == ["the platform"] * 3
