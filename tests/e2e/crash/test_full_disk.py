"""What does a node do while its disk is full? It refuses with AWS's error, reads on, and works again with room.

Two ways of being full: a small file system of its own (where the tests may mount one), and a quota on the size of
files, which the kernel answers with another error.
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from crash import platform
from crash.wire import Refused, Wire

from lambda_rig import code
from nodes import RunningNode
from waiting import wait_for

_CHATTY = """
import time
def handler(event, context):
    for _ in range(10):
        print(event)
        time.sleep(0.08)
"""
_DISK = 64 * 1024 * 1024


class SmallDisk:
    """A tmpfs under the data folder, filled by a file beside it."""

    refusal = (503, "ServiceUnavailable")

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, node: RunningNode) -> None:
        with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"\0" * 4096)

    def make_room(self, node: RunningNode) -> None:
        self._ballast.unlink()


class Quota:
    """No file may grow beyond what the write-ahead log has now. SQLite reports that as an I/O error."""

    refusal = (500, "InternalFailure")

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, node: RunningNode) -> None:
        size = (self.folder / "data" / "nightbus.db-wal").stat().st_size
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (size + 10_000, hard))

    def make_room(self, node: RunningNode) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        with contextlib.suppress(ProcessLookupError):  # a stopped node has taken its quota with it
            resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (hard, hard))


Disk = SmallDisk | Quota


@pytest.fixture(params=[SmallDisk, Quota])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    if not sys.platform.startswith("linux"):
        pytest.skip("needs Linux")
    kind: Callable[[Path], Disk] = request.param
    if kind is Quota:
        yield Quota(tmp_path)
        return
    command = ["mount", "-t", "tmpfs", "-o", f"size={_DISK}", "nightbus-test", str(tmp_path)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a file system here")
    try:
        yield SmallDisk(tmp_path)
    finally:
        subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


def publish_until_refused(wire: Wire, first: int) -> tuple[list[int], Refused]:
    """The numbers that were acknowledged before, and how the next was refused."""
    taken: list[int] = []
    for number in range(first, first + 10_000):
        try:
            reply = wire.call("PutEvents", {"Entries": [platform.entry(number)]})
        except Refused as refused:
            return taken, refused
        assert reply["FailedEntryCount"] == 0
        taken.append(number)
    raise AssertionError("the disk never was full")


def publish_until_full(wire: Wire, first: int) -> tuple[list[int], Refused]:
    """The numbers acknowledged until 50 in a row were refused, and how the first of all was.

    One refusal is not yet the end: whatever reads at that moment keeps the write-ahead log from beginning anew, and the
    next event finds room in it.
    """
    taken, refused = publish_until_refused(wire, first)
    number, in_a_row = max([first - 1, *taken]) + 2, 1
    while in_a_row < 50:
        if accepted(wire, number):
            taken.append(number)
            in_a_row = 0
        else:
            in_a_row += 1
        number += 1
    return taken, refused


def trouble_and_relief(node: RunningNode) -> list[bool]:
    """Of each line that the node said about its disk, in order: was it of trouble?"""
    said = {"it is refused until there is room": True, "can be written again": False}
    return [trouble for line in node.output for words, trouble in said.items() if words in line]


def accepted(wire: Wire, number: int) -> bool:
    try:
        reply = wire.call("PutEvents", {"Entries": [platform.entry(number)]})
        return bool(reply["FailedEntryCount"] == 0)
    except Refused:
        return False


def test_full_and_room_again(disk: Disk) -> None:
    node = RunningNode(data=disk.folder / "data")
    try:
        platform.set_up(node)
        wire = Wire(node.port, "events")
        first = [number for number in range(1, 101) if accepted(wire, number)]
        assert len(first) == 100
        disk.fill(node)
        taken, refused = publish_until_full(wire, 101)
        assert (refused.status, refused.code) == disk.refusal
        events = node.client("events")
        assert len(events.list_rules()["Rules"]) == 3
        assert node.process.poll() is None
        wait_for(lambda: True in trouble_and_relief(node))
        disk.make_room(node)
        last = 50_000
        wait_for(lambda: accepted(wire, last))
        wait_for(lambda: not trouble_and_relief(node)[-1])
        said = trouble_and_relief(node)
        assert said == [True, False] * (len(said) // 2), "once of each trouble, and once of its end"
        _check_all(node, {*first, *taken, last})
        node.kill()
        node = RunningNode(data=disk.folder / "data", port=node.port)
        assert accepted(Wire(node.port, "events"), 7)
        assert {number for _, number in platform.drain(node, platform.DIRECT)} == {7}
    finally:
        assert node.stop() == 0


def _check_all(node: RunningNode, wanted: set[int]) -> None:
    """At every target, the function within seconds: what it could not write down is tried again soon."""
    assert sorted(number for _, number in platform.drain(node, platform.DIRECT)) == sorted(wanted)
    fanned = {number for number in wanted if number % platform.FANNED_EVERY == 0}
    assert sorted(number for _, number in platform.drain(node, platform.FANNED)) == sorted(fanned)
    function = {number for number in wanted if number % platform.FUNCTION_EVERY == 0}
    wait_for(lambda: set(platform.logged_numbers(node)) >= function, seconds=40)


def test_killed_while_full(disk: Disk) -> None:
    node = RunningNode(data=disk.folder / "data")
    try:
        platform.set_up(node)
        disk.fill(node)
        taken, _ = publish_until_refused(Wire(node.port, "events"), 1)
        node.kill()
        if isinstance(disk, SmallDisk):
            disk.make_room(node)
        node = RunningNode(data=disk.folder / "data")
        assert sorted(number for _, number in platform.drain(node, platform.DIRECT)) == taken
    finally:
        assert node.stop() == 0


def test_stopped_while_full(disk: Disk) -> None:
    node = RunningNode(data=disk.folder / "data")
    try:
        platform.set_up(node)
        disk.fill(node)
        taken, _ = publish_until_refused(Wire(node.port, "events"), 1)
        assert node.stop() == 0
        assert node.output[-1] == "Nightbus has stopped.\n"
        disk.make_room(node)
        node = RunningNode(data=disk.folder / "data")
        assert sorted(number for _, number in platform.drain(node, platform.DIRECT)) == taken
    finally:
        assert node.stop() == 0


def test_a_function_that_prints_into_a_full_disk(disk: Disk) -> None:
    node = RunningNode(data=disk.folder / "data")
    try:
        platform.set_up(node)
        functions = node.client("lambda")
        functions.create_function(
            FunctionName="chatty", Runtime=platform.RUNTIME, Handler="app.handler", Timeout=30,
            Role=f"arn:aws:iam::{platform.ACCOUNT}:role/numbers", Code={"ZipFile": code(_CHATTY)},
        )  # fmt: skip
        functions.invoke(FunctionName="chatty", Payload=b'"warm"')
        disk.fill(node)
        publish_until_refused(Wire(node.port, "events"), 1)
        for _ in range(3):
            with contextlib.suppress(ClientError):
                functions.invoke(FunctionName="chatty", Payload=b'"full"')
            assert len(node.client("events").list_rules()["Rules"]) == 3
        disk.make_room(node)
        functions.invoke(FunctionName="chatty", Payload=b'"room"')
        said = node.client("logs").filter_log_events(logGroupName="/aws/lambda/chatty", filterPattern="room")
        assert len(said["events"]) == 10
    finally:
        assert node.stop() == 0


@pytest.mark.parametrize("disk", [SmallDisk], indirect=True)
def test_started_on_a_full_disk_it_says_so(disk: Disk) -> None:
    node = RunningNode(data=disk.folder / "data")
    platform.set_up(node)
    disk.fill(node)
    node.kill()
    disk.fill(node)
    try:
        node = RunningNode(data=disk.folder / "data")
    except RuntimeError as refused:
        assert "Traceback" not in str(refused)
        assert "disk" in str(refused) or "space" in str(refused)
    disk.make_room(node)
    node.stop()
    node = RunningNode(data=disk.folder / "data")
    assert len(node.client("events").list_rules()["Rules"]) == 3
    assert node.stop() == 0
