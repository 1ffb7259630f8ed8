"""A node under load is copied, and the copy is a node: `backup`, `restore` and `doctor` as a person calls them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from crash import platform
from crash.traffic import Ledger, Traffic

from nodes import RunningNode, clean_environment


def nightbus(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nightbus", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=clean_environment(), check=False)


@pytest.mark.parametrize("killed", [False, True], ids=["running", "killed"])
def test_what_was_acknowledged_before_is_in_the_copy(killed: bool, tmp_path: Path) -> None:
    node, ledger = RunningNode(data=tmp_path / "data"), Ledger()
    copy: RunningNode | None = None
    try:
        platform.set_up(node)
        traffic = Traffic(node, ledger, seed=1, budget=400)
        traffic.wait_for(100)
        before = {number for request in ledger.requests if request.acknowledged for number in request.numbers}
        if killed:
            node.kill()
        made = nightbus("backup", str(tmp_path / "copy.tar"), "--data", str(tmp_path / "data"))
        assert made.returncode == 0, made.stderr
        traffic.end()
        back = nightbus("restore", str(tmp_path / "copy.tar"), "--data", str(tmp_path / "again"))
        assert back.returncode == 0, back.stderr
        copy = RunningNode(data=tmp_path / "again")
        found = {number for _, number in platform.drain(copy, platform.DIRECT)}
        assert before <= found <= {number for request in ledger.requests for number in request.numbers}
        for request in ledger.requests:
            assert len(found.intersection(request.numbers)) in (0, len(request.numbers))
        copy.client("lambda").invoke(FunctionName="numbers", Payload=b'{"detail": {"n": 0}}')
        assert 0 in platform.logged_numbers(copy)
    finally:
        node.stop()
        assert copy is None or copy.stop() == 0
    examined = nightbus("doctor", "--data", str(tmp_path / "again"))
    assert (examined.returncode, examined.stderr) == (0, ""), examined.stdout


def test_the_doctor_fails_where_something_is_wrong(tmp_path: Path) -> None:
    node = RunningNode(data=tmp_path / "data")
    try:
        platform.set_up(node)
        running = nightbus("doctor", "--data", str(tmp_path / "data"))
        assert running.returncode == 0, running.stdout
        assert f"process {node.process.pid}, port {node.port}" in running.stdout
    finally:
        assert node.stop() == 0
    (code,) = (path for path in (tmp_path / "data" / "blobs").rglob("*") if path.is_file())
    code.write_bytes(b"scribbled")
    wrong = nightbus("doctor", "--data", str(tmp_path / "data"))
    assert wrong.returncode == 1
    assert "1 blobs are damaged" in wrong.stdout
    assert "1 thing is wrong" in wrong.stdout
    assert nightbus("doctor", "--data", str(tmp_path / "nowhere")).returncode == 1


def test_dead_letters_are_told(tmp_path: Path) -> None:
    node = RunningNode(data=tmp_path / "data")
    try:
        sqs = node.client("sqs")
        dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
        arn = f"arn:aws:sqs:us-east-1:{platform.ACCOUNT}:dead"
        redrive = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "3"}}'
        sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": redrive})
        sqs.send_message(QueueUrl=dead, MessageBody="as if it had been moved")
        told = nightbus("doctor", "--data", str(tmp_path / "data"))
        assert "1 dead letter in queue dead of us-east-1" in told.stdout
        assert f"start-message-move-task --source-arn {arn}" in told.stdout
        assert told.returncode == 0
    finally:
        assert node.stop() == 0
