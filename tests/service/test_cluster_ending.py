"""A node that is told to stop ends within seconds, also where its database is gone, or does not answer any more."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nodes import TWO_NODES, RunningNode
from postgres_server import PostgresServer, start_server
from waiting import wait_for

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these nodes have a database")
_MOST_SECONDS = 30.0  # twice what the node grants itself, for a busy machine


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    server = start_server()
    yield server
    _signal(server, signal.SIGCONT)
    if server.process.poll() is None:
        server.stop()


@pytest.mark.parametrize(
    "lose", [PostgresServer.stop, lambda server: freeze(server)], ids=["ended", "frozen"]
)
def test_a_node_without_its_database_ends(
    server: PostgresServer, tmp_path: Path, lose: Callable[[PostgresServer], None]
) -> None:
    database = server.make_database()
    node = RunningNode(tmp_path / "data", options=("--store", server.url(database)))
    try:
        sqs = node.client("sqs")
        sqs.create_queue(QueueName="orders")
        wait_for(lambda: _duties_on(server, database) > 3)
        lose(server)
        node.process.send_signal(signal.SIGTERM)
        node.process.wait(_MOST_SECONDS)
    finally:
        node.kill()
    assert node.process.returncode == 0
    assert "Traceback" not in "".join(node.output)


def freeze(server: PostgresServer) -> None:
    """Connections stay open, and nobody answers."""
    _signal(server, signal.SIGSTOP)


def _signal(server: PostgresServer, number: int) -> None:
    for pid in _processes(server):
        with contextlib.suppress(ProcessLookupError):  # a connection that ended meanwhile
            os.kill(pid, number)


def _processes(server: PostgresServer) -> list[int]:
    """The server's own and those of its connections."""
    file = server.folder / "data" / "postmaster.pid"
    if not file.exists():
        return []
    parent = int(file.read_text().split()[0])
    return [parent, *map(int, Path(f"/proc/{parent}/task/{parent}/children").read_text().split())]


def _duties_on(server: PostgresServer, database: str) -> int:
    """How many duties the node has taken."""
    return int(server.execute("SELECT count(*) FROM nightbus.item WHERE holder IS NOT NULL", database))
