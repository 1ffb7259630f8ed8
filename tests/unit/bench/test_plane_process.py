"""Processes are found by the port they listen on, and stand still, children included, while another is measured."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from plane_process import family, listener, megabytes, paused

from waiting import wait_for

PARENT = """
import socket, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=sys.stdin)
with socket.create_server(("127.0.0.1", 0)) as server:
    print(server.getsockname()[1], child.pid, flush=True)
    child.wait()
"""


@pytest.fixture
def process() -> Iterator[tuple[int, int, int]]:
    """Its pid, its child's, and the port."""
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        port, child = parent.stdout.readline().split()
        yield parent.pid, int(child), int(port)
        parent.communicate("\n")


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def test_a_process_is_found_by_its_port(process: tuple[int, int, int]) -> None:
    parent, child, port = process
    assert listener(port) == parent
    assert family(parent) == [parent, child]
    assert megabytes(parent) > megabytes(child) > 0


def test_nobody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert listener(bound.getsockname()[1]) is None


def test_a_paused_process_goes_on_with_its_children(process: tuple[int, int, int]) -> None:
    parent, child, _ = process
    with pytest.raises(RuntimeError, match="broken off"), paused([parent]):
        wait_for(lambda: state(parent) == state(child) == "T")
        raise RuntimeError("broken off")
    wait_for(lambda: "T" not in (state(parent), state(child)))
