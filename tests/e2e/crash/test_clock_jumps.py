"""What does a wall clock that jumps an hour cost? Never an event, and nothing that was put after the jump waits for it.

The node is a real one whose `time` module is led astray: it adds what stands in a file, which the test changes.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from crash import platform
from crash.wire import Wire

from nodes import RunningNode
from waiting import wait_for

_HOUR = 3600
_SITE = """
import mmap, os, struct, time
with open(os.environ["CLOCK_FILE"], "r+b") as file:
    shown = mmap.mmap(file.fileno(), 8)
real_ns, real = time.time_ns, time.time
time.time_ns = lambda: real_ns() + struct.unpack_from("q", shown)[0] * 1_000_000_000
time.time = lambda: real() + struct.unpack_from("q", shown)[0]
"""


class Astray:
    """Starts nodes on one folder whose clock is `shift` seconds wrong."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "clock"
        self.shift(0)
        (folder / "sitecustomize.py").write_text(_SITE)

    def shift(self, seconds: int) -> None:
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("q", seconds))

    def start(self) -> RunningNode:
        environ = {"PYTHONPATH": str(self._folder), "CLOCK_FILE": str(self._file)}
        return RunningNode(data=self._folder / "data", environ=environ)


@pytest.fixture
def astray(tmp_path: Path) -> Astray:
    return Astray(tmp_path)


def put(node: RunningNode, numbers: range) -> None:
    wire = Wire(node.port, "events")
    for number in numbers:
        reply = wire.call("PutEvents", {"Entries": [platform.entry(number)]})
        assert reply["FailedEntryCount"] == 0
    wire.close()


def drained(node: RunningNode, name: str) -> Callable[[], set[int]]:
    """What has come out of the queue so far; call it again for more."""
    found: set[int] = set()

    def more() -> set[int]:
        found.update(number for _, number in platform.drain(node, name))
        return found

    return more


def check(node: RunningNode, wanted: set[int], ran: set[int]) -> None:
    direct, fanned = drained(node, platform.DIRECT), drained(node, platform.FANNED)
    wait_for(lambda: direct() == wanted)
    wait_for(lambda: fanned() == {number for number in wanted if number % platform.FANNED_EVERY == 0})
    wait_for(lambda: set(platform.logged_numbers(node)) >= ran)


@pytest.mark.parametrize("seconds", [_HOUR, -_HOUR], ids=["forwards", "backwards"])
def test_while_it_runs(astray: Astray, seconds: int) -> None:
    node = astray.start()
    try:
        platform.set_up(node)
        put(node, range(1, 101))
        check(node, set(range(1, 101)), {25, 50, 75, 100})
        astray.shift(seconds)
        put(node, range(101, 201))
        check(node, set(range(101, 201)), {25, 50, 75, 100, 125, 150, 175, 200})
        _check_delay(node)
        node.client("events").put_rule(Name="after", EventPattern='{"source": ["x"]}')
    finally:
        assert node.stop() == 0


def _check_delay(node: RunningNode) -> None:
    """A message's delay is as long as ever."""
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName="delayed")["QueueUrl"]
    began = time.monotonic()
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=2)
    assert not sqs.receive_message(QueueUrl=url).get("Messages")
    assert sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10).get("Messages")
    assert time.monotonic() - began > 1.5


@pytest.mark.parametrize("seconds", [_HOUR, -_HOUR], ids=["forwards", "backwards"])
def test_between_two_runs(astray: Astray, seconds: int) -> None:
    """What was waiting before the clock was set is there at once after it."""
    node = astray.start()
    platform.set_up(node)
    put(node, range(1, 101))
    node.kill()
    astray.shift(seconds)
    node = astray.start()
    try:
        put(node, range(101, 201))
        check(node, set(range(1, 201)), set(range(25, 201, 25)))
        _check_delay(node)
    finally:
        assert node.stop() == 0
