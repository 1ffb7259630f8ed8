"""A function that fills the folder of its compiled modules, which lies on the machine's disk, is ended."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from abuse_rig import Abuse
from nodes import RunningNode
from waiting import wait_for

FILL = """
import os, sys, time
def handler(event, context):
    if event == "again":
        return "runs"
    os.makedirs(sys.pycache_prefix, exist_ok=True)
    for number in range(30):
        with open(f"{sys.pycache_prefix}/{number}", "wb") as file:
            file.write(bytes(10 << 20))
    time.sleep(50)
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[RunningNode]:
    running = RunningNode(tmp_path / "data")
    yield running
    assert running.stop() == 0


def test_what_is_written_beside_compiled_modules_is_bounded(node: RunningNode, tmp_path: Path) -> None:
    abuse = Abuse(node)
    name = abuse.define(FILL, Timeout=60)
    with abuse.neighbour():
        error = abuse.invoke(name)
    assert error["errorType"] == "Runtime.ExitError"
    assert abuse.invoke(name, "again") == "runs"
    pycache = tmp_path / "data" / "functions" / "pycache"
    wait_for(lambda: _bytes_in(pycache) < 10 << 20)


def _bytes_in(folder: Path) -> int:
    size = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # it is being removed
            size += path.stat().st_size
    return size
