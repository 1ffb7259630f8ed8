"""What is left when the end of the write-ahead log was not written whole, or something scribbled on it?

SQLite's checksums run through the log from its beginning, so that it ends before the first frame that is not whole.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from crash import platform

from nodes import RunningNode

_HEADER, _FRAME_HEADER, _PAGE = 32, 24, 4096


def _killed_with_events(folder: Path, count: int) -> list[int]:
    """How large the write-ahead log was after each event, which is one commit."""
    node = RunningNode(data=folder)
    platform.set_up(node)
    sizes = []
    for number in range(1, count + 1):
        reply = node.client("events").put_events(Entries=[platform.entry(number * 2 + 1)])
        assert reply["FailedEntryCount"] == 0
        sizes.append((folder / "nightbus.db-wal").stat().st_size)
    node.kill()
    return sizes


def _numbers(folder: Path) -> list[int]:
    node = RunningNode(data=folder)
    try:
        found = sorted(number for _, number in platform.drain(node, platform.DIRECT))
        node.client("events").put_events(Entries=[platform.entry(1)])
        assert [number for _, number in platform.drain(node, platform.DIRECT)] == [1]
        assert len(node.client("events").list_rules()["Rules"]) == 3
        return found
    finally:
        assert node.stop() == 0


@pytest.mark.parametrize("seed", range(4))
def test_a_scribbled_last_page_costs_the_last_commit_only(seed: int, tmp_path: Path) -> None:
    folder, chance = tmp_path / "data", random.Random(seed)
    sizes = _killed_with_events(folder, 12)
    log = folder / "nightbus.db-wal"
    whole = bytearray(log.read_bytes())
    del whole[len(whole) - (len(whole) - _HEADER) % (_FRAME_HEADER + _PAGE) :]  # the kill may cut a frame off
    last = len(whole) - _FRAME_HEADER - _PAGE
    for _ in range(chance.choice((1, 100))):
        whole[chance.randrange(last, len(whole))] ^= chance.randrange(1, 256)
    log.write_bytes(whole)
    untouched = sum(size <= last for size in sizes)
    assert untouched >= 10
    found = _numbers(folder)
    expected = [number * 2 + 1 for number in range(1, 13)]
    assert found[:untouched] == expected[:untouched]
    assert found == expected[: len(found)]


def test_a_log_that_was_cut_off_ends_at_its_last_whole_commit(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    sizes = _killed_with_events(folder, 12)
    log = folder / "nightbus.db-wal"
    with log.open("r+b") as file:
        file.truncate(sizes[7] + 1000)
    assert _numbers(folder) == [number * 2 + 1 for number in range(1, 9)]
