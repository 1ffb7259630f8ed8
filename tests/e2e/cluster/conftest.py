"""Runs the faults of a cluster where NIGHTBUS_CLUSTER_ALL is set, as `make test-postgres` does: they take minutes, and
most of the machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if os.environ.get("NIGHTBUS_CLUSTER_ALL"):
        return
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.skip(reason="NIGHTBUS_CLUSTER_ALL runs it, or make test-postgres"))
