"""One running node for all service tests; each test uses names of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nodes import RunningNode


@pytest.fixture(scope="session")
def node() -> Iterator[RunningNode]:
    running = RunningNode()
    yield running
    assert running.stop() == 0


@pytest.fixture
def client(node: RunningNode) -> Callable[..., Any]:
    """`client("lambda")`, `client("s3", region="eu-west-1", account="123456789012")`."""
    return node.client
