"""A node on a data folder of its own for each module, called with its administrator's key, as users do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nodes import RunningNode


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(data=tmp_path_factory.mktemp("data"), dev_credentials=False)
    yield running
    assert running.stop() == 0
