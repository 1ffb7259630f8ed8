"""Tests that the pages which forked processes write to are found out, and copied in the next one."""

from __future__ import annotations

import ctypes
import functools
import mmap
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from nightbus.functions.zygote import copied_pages

MODULE: Any = cast(Any, copied_pages)
LIBC = ctypes.CDLL(None, use_errno=True)
PAGES = 1024
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there is no pagemap")


class Memory:
    """Pages that this process has written to, and that what it forks shares with it."""

    def __init__(self) -> None:
        self._bytes = mmap.mmap(-1, PAGES * mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self.write(*range(PAGES))
        self._first = ctypes.addressof(ctypes.c_char.from_buffer(self._bytes)) // mmap.PAGESIZE

    def write(self, *pages: int) -> None:
        for page in pages:
            self._bytes[page * mmap.PAGESIZE] = 1

    def owned_by(self, pid: int) -> set[int]:
        return {page - self._first for page in MODULE.own_pages(pid)} & set(range(PAGES))


@contextmanager
def forked(act: Callable[[], None]) -> Iterator[int]:
    """A process that has done that, and lives until the block ends."""
    done, says = os.pipe()
    wait, end = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(end)
        act()
        os.write(says, b".")
        os.read(wait, 1)
        os._exit(0)
    try:
        assert os.read(done, 1) == b"."
        yield pid
    finally:
        for descriptor in (done, says, wait, end):
            os.close(descriptor)
        os.waitpid(pid, 0)


def populates() -> bool:
    """Whether this kernel copies pages when it is told to."""
    memory = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    return bool(LIBC.madvise(address, ctypes.c_size_t(mmap.PAGESIZE), 23) == 0)


def test_what_processes_have_written_to_is_copied_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copied_pages, "MOST_PAGES", 1_000_000)  # of the test's own process too
    memory, pages = Memory(), MODULE.CopiedPages(LIBC)
    for written in ((3, 4, 5), (4, 5, 20), (9,), (63,)):  # the last one is not looked at any more
        with forked(functools.partial(memory.write, *written)) as pid:
            assert memory.owned_by(pid) == set(written)
            pages.learn(pid)
    with forked(lambda: None) as pid:
        assert memory.owned_by(pid) == set()
    with forked(pages.copy) as pid:
        assert memory.owned_by(pid) == ({3, 4, 5, 9, 20} if populates() else set())


def test_more_than_a_start_should_copy_is_left_to_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, pages = Memory(), MODULE.CopiedPages(LIBC)
    monkeypatch.setattr(copied_pages, "MOST_PAGES", 9)
    with forked(functools.partial(memory.write, *range(10))) as pid:
        pages.learn(pid)
    with forked(pages.copy) as pid:
        assert memory.owned_by(pid) == set()


def test_processes_that_have_written_to_much_leave_the_looks_to_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    memory, pages = Memory(), MODULE.CopiedPages(LIBC)
    with forked(lambda: None) as pid:
        monkeypatch.setattr(copied_pages, "MOST_PAGES", len(MODULE.own_pages(pid)) + PAGES // 2)
    for written in (range(PAGES), range(PAGES), range(PAGES), range(10)):
        with forked(functools.partial(memory.write, *written)) as pid:
            pages.learn(pid)
    with forked(pages.copy) as pid:
        assert memory.owned_by(pid) == (set(range(10)) if populates() else set())


def test_pages_are_copied_in_runs() -> None:
    assert list(MODULE.ranges([])) == []
    assert list(MODULE.ranges([7])) == [(7, 1)]
    assert list(MODULE.ranges([1, 2, 3, 5, 8, 9])) == [(1, 3), (5, 1), (8, 2)]
