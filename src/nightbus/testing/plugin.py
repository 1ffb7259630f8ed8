"""Is the pytest plugin: the fixtures `nightbus`, `nightbus_module` and `nightbus_node`.

pytest imports this module whenever Nightbus is installed, so it imports the rest when a test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from nightbus.testing.account import Nightbus
    from nightbus.testing.running_node import TestNode


@pytest.fixture(scope="session")
def nightbus_node() -> Iterator[TestNode]:
    """The node of all tests of this process (of each worker of pytest-xdist one)."""
    from nightbus.testing.running_node import TestNode

    running = TestNode()
    yield running
    running.stop()


@pytest.fixture
def nightbus(nightbus_node: TestNode) -> Iterator[Nightbus]:
    """An account of the test's own; what it leaves is deleted when the test ends."""
    yield from _account(nightbus_node)


@pytest.fixture(scope="module")
def nightbus_module(nightbus_node: TestNode) -> Iterator[Nightbus]:
    """An account that the tests of a module share, for a deployment that takes long."""
    yield from _account(nightbus_node)


def _account(running: TestNode) -> Iterator[Nightbus]:
    account = running.account()
    yield account
    running.ensure_running()
    if not account.is_kept:
        account.forget()
