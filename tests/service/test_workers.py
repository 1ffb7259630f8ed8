"""Several processes on one port and one database: they share its connections, and one that dies is started again."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightbus.node.operator_key import OPERATOR_HEADER, read_operator_key
from nodes import TWO_NODES, RunningNode, clean_environment
from postgres_server import postgres_server
from waiting import wait_for

pytestmark = pytest.mark.skipif(TWO_NODES, reason="these are several nodes already")


@pytest.fixture(name="node")
def workers(tmp_path: Path) -> Iterator[RunningNode]:
    """Two workers, on a database of their own."""
    server = postgres_server()
    name = server.make_database()
    node = RunningNode(tmp_path / "data", options=["--store", server.url(name), "--workers", "2"])
    yield node
    if node.process.poll() is None:
        node.stop()
    server.drop_database(name)


def status(node: RunningNode) -> dict[str, Any]:
    assert node.folder is not None
    headers = {OPERATOR_HEADER: read_operator_key(node.folder)}
    asked = urllib.request.Request(f"{node.endpoint}/_nightbus/status", headers=headers)
    with urllib.request.urlopen(asked, timeout=20) as answer:
        got: dict[str, Any] = json.load(answer)
    return got


def process_ids(node: RunningNode) -> set[int]:
    """Of the workers, each of which has answered."""
    found: set[int] = set()

    def both() -> bool:
        found.add(int(status(node)["pid"]))
        return len(found) == 2

    wait_for(both)
    return found


def command(node: RunningNode, *arguments: str) -> str:
    program = [sys.executable, "-m", "nightbus", *arguments, "--port", str(node.port)]
    environ = clean_environment() | {"NIGHTBUS_DATA": str(node.folder)}
    done = subprocess.run(program, capture_output=True, text=True, env=environ, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def names(node: RunningNode) -> list[str]:
    return [row["name"].partition(":")[2] for row in status(node)["nodes"]]


def test_workers_share_a_port_and_its_connections(node: RunningNode) -> None:
    assert sum(" is ready at " in line for line in node.output) == 1
    assert any("workers   2 processes" in line for line in node.output)
    queue = node.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    open_ones = [socket.create_connection(("127.0.0.1", node.port)) for _ in range(16)]
    answered: Counter[int] = Counter()
    assert node.folder is not None
    head = f"GET /_nightbus/status HTTP/1.1\r\nhost: localhost\r\n{OPERATOR_HEADER}: {read_operator_key(node.folder)}"
    for connection in open_ones:
        connection.sendall(f"{head}\r\n\r\n".encode())
    for connection in open_ones:
        with connection, connection.makefile("rb") as answer:
            length = 0
            while (line := answer.readline().strip().lower()) != b"":
                length = int(line.split(b":")[1]) if line.startswith(b"content-length") else length
            answered[json.loads(answer.read(length))["pid"]] += 1
    assert len(answered) == 2 and min(answered.values()) >= 4, answered  # 8 and 8, unless one is kept busy
    sent = node.client("sqs").send_message(QueueUrl=queue, MessageBody="x")
    got = node.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=5)["Messages"]
    assert [message["MessageId"] for message in got] == [sent["MessageId"]]
    assert names(node) == [f"{node.port}/1", f"{node.port}/2"]
    assert f"{node.port}/1" in (shown := command(node, "status")) and f"{node.port}/2" in shown


def test_a_worker_that_dies_is_started_again(node: RunningNode) -> None:
    before = process_ids(node)
    os.kill(killed := max(before), signal.SIGKILL)
    node.client("sqs").create_queue(QueueName="q")
    wait_for(lambda: any("worker 2 answers again" in line for line in node.output))
    after = process_ids(node)
    assert killed not in after and min(before) in after
    assert any(f"worker 2 (process {killed}) was ended by SIGKILL" in line for line in node.output)
    command(node, "stop")
    assert node.process.wait(30) == 0
    assert not any(Path(f"/proc/{process}").exists() for process in after)


def test_the_workers_stop_when_their_supervisor_is_killed(node: RunningNode) -> None:
    workers = process_ids(node)
    node.process.kill()
    node.process.wait()
    wait_for(lambda: not any(Path(f"/proc/{process}").exists() for process in workers))


def test_all_workers_are_drained_or_one(node: RunningNode) -> None:
    full = [row["name"] for row in status(node)["nodes"]]
    command(node, "drain", full[1])
    wait_for(lambda: any("worker 2 has ended in order" in line for line in node.output))
    wait_for(lambda: names(node) == [f"{node.port}/1"])
    command(node, "drain")
    assert node.process.wait(60) == 0
    assert "Nightbus has stopped.\n" in node.output


def test_workers_without_a_shared_store_are_refused(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "nightbus", "start", "--workers", "2", "--data", str(tmp_path / "data")]
    done = subprocess.run(program, capture_output=True, text=True, env=clean_environment(), timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "nightbus: several workers need a store that processes share, --store postgresql://...: a data folder belongs "
        "to one\n"
    )
    assert not (tmp_path / "data").exists()


def test_a_worker_that_cannot_run_ends_all(tmp_path: Path) -> None:
    url = postgres_server().url("no_such_database")
    program = [sys.executable, "-m", "nightbus", "start", "--port", "0", "--data", str(tmp_path / "data")]
    program += ["--store", url, "--workers", "2"]
    done = subprocess.run(program, capture_output=True, text=True, env=clean_environment(), timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert 'database "no_such_database" does not exist' in done.stderr and len(done.stderr.splitlines()) == 1
