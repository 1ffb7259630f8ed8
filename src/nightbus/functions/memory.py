"""How much memory does an environment use, and how much did it at most?"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_KILOBYTE = 1024
_FRESH_SECONDS = 0.05


def peak_megabytes(pid: int) -> int:
    """The most that the process itself ever had resident, in whole MB."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    at = status.find(b"VmHWM:")
    return -(-int(status[at + 6 :].split(None, 1)[0]) // _KILOBYTE) if at >= 0 else 0


class Processes:
    """Who uses how much, of one look at all processes that serves every environment for a moment."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._seen: dict[int, tuple[int, int]] = {}
        self._seen_at = -1.0

    def used_bytes(self, pid: int, limit: int) -> int:
        """What the process and all that it forked use now.

        Resident pages count once per process that shares them; only what seems to be over `limit` is looked at
        closely, since that costs the kernel a walk through all pages.
        """
        if self._loop.time() - self._seen_at > _FRESH_SECONDS:
            self._seen, self._seen_at = _all_resident(), self._loop.time()
        members = descendants(pid, ((one, parent) for one, (parent, _) in self._seen.items()))
        resident = sum(self._seen[member][1] for member in members if member in self._seen)
        return resident if resident <= limit else sum(map(_proportional_bytes, members))


def _proportional_bytes(pid: int) -> int:
    """Shared pages count for the part that falls to this process."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(b"Pss:")) * _KILOBYTE


def descendants(pid: int, parents: Iterable[tuple[int, int]]) -> set[int]:
    """The process itself and all below it, out of (process, parent) pairs."""
    children: dict[int, list[int]] = {}
    for one, parent in parents:
        children.setdefault(parent, []).append(one)
    found: set[int] = set()
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += children.get(one, ())
    return found


def _all_resident() -> dict[int, tuple[int, int]]:
    """Parent and resident bytes of every process. All are read, since not every kernel lists children."""
    found = {}
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():  # noqa: PTH112, PTH208
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - a path object would double the cost
                    fields = file.read().rpartition(b")")[2].split()
            except OSError:
                continue
            found[int(name)] = (int(fields[1]), int(fields[21]) * _PAGE)
    return found
