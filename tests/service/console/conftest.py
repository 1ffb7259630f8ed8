"""One running node for the tests of the console's API, with a data folder: its operator key lies there."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from console_api import ConsoleApi
from nodes import RunningNode


@pytest.fixture(scope="package")
def api_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path_factory.mktemp("console") / "data")
    yield running
    assert running.stop() == 0


@pytest.fixture
def api(api_node: RunningNode) -> Callable[..., ConsoleApi]:
    """`api()`, `api(account="123456789012")`."""
    return lambda **scope: ConsoleApi(api_node, **scope)
