"""Measures how much memory an environment uses, and how much it did at most.

Which processes belong to an environment takes a look at every process of the machine, so that a thread does it, at most
twice a second and only for environments that are not frozen. What these processes have resident is read on the event
loop, in one short read each.
"""

from __future__ import annotations

import asyncio
import os
import random
from pathlib import Path

from nightbus.clock import Clock
from nightbus.functions.process_tree import below, children_of, is_stopped, parents

_PAGE = os.sysconf("SC_PAGE_SIZE")
_KILOBYTE = 1024
_SHORT_PART = 20
FRESH_SECONDS = 0.5
_FORGET_SECONDS = 60.0  # a frozen environment is asked about every half minute
_FRESH_PEAK_SECONDS = 0.1
_FEW = 8  # processes: as many are looked at closely on the event loop
_SAMPLE = 32  # of more, as many are; the others are taken for like them


def memory_is_short(file: Path = Path("/proc/meminfo")) -> bool:
    """Return whether the machine has less than a twentieth of its memory to give. False where it does not say."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return False
    sizes = {line.split(b":")[0]: int(line.split()[1]) for line in lines if line.endswith(b" kB")}
    total, available = sizes.get(b"MemTotal", 0), sizes.get(b"MemAvailable", 0)
    return 0 < available < total // _SHORT_PART


def peak_megabytes(pid: int) -> int:
    """The most that the process itself ever had resident, in whole MB."""
    try:
        status = Path(f"/proc/{pid}/status").read_bytes()
    except OSError:
        return 0
    at = status.find(b"VmHWM:")
    return -(-int(status[at + 6 :].split(None, 1)[0]) // _KILOBYTE) if at >= 0 else 0


class PeakMemory:
    """The most that the process of one environment ever used, as REPORT lines say it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._measured = -_FRESH_PEAK_SECONDS
        self.megabytes = 1

    def measure(self, pid: int) -> None:
        self._measured = self._clock.monotonic()
        self.was_at_least(peak_megabytes(pid))

    def measure_seldom(self, pid: int) -> None:
        """Not where that was done a moment ago: it takes as long as a short invocation itself."""
        if self._clock.monotonic() - self._measured >= _FRESH_PEAK_SECONDS:
            self.measure(pid)

    def was_at_least(self, megabytes: int) -> None:
        self.megabytes = max(self.megabytes, megabytes)


class Processes:
    """What belongs to which environment, and how much it uses; one for all environments of a node."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._members: dict[int, set[int]] = {}  # by the environment's process, itself included
        self._last_asked: dict[int, float] = {}  # when each was last asked about
        self._inits: dict[int, int] = {}
        self._close_looks: dict[int, int] = {}
        self._looking_closely: dict[int, asyncio.Future[None]] = {}
        self._looked_at = -FRESH_SECONDS
        self._looking: asyncio.Future[None] | None = None

    def used_bytes(self, pid: int, limit: int, init: int = 0, fresh_seconds: float = FRESH_SECONDS) -> int:
        """What the process and all that it forked use now; a child counts from half a second after its start on.

        `init`: the process that adopts what the environment's processes leave behind; it does not count itself.
        `fresh_seconds`: how old the last look at the machine's processes may be; by default half a second.
        Resident pages count once per process that shares them; only what seems to be over `limit` is looked at
        closely, since that costs the kernel a walk through all pages.
        """
        now = self._loop.time()
        self._last_asked[pid] = now
        self._inits[pid] = init
        if self._looking is None and now - self._looked_at >= fresh_seconds:
            self._looking = asyncio.ensure_future(self._look())
        members = self._members.get(pid, {pid})
        resident = sum(map(_resident_bytes, members))
        if resident <= limit:
            return resident
        if len(members) <= _FEW:
            return sum(map(_proportional_bytes, members))
        return min(resident, self._last_close_look(pid, members) or limit)

    def are_stopped(self, pid: int) -> bool:
        """Whether the process is, and all that the last look found to belong to it."""
        return all(map(is_stopped, self._members.get(pid, {pid})))

    def _last_close_look(self, pid: int, members: set[int]) -> int:
        """How much they used at the last look, which a thread takes; 0 before the first. Of a thousand processes that
        fork, each look waits for their locks."""
        if pid not in self._looking_closely:

            async def look() -> None:
                try:
                    self._close_looks[pid] = await asyncio.to_thread(_estimated_bytes, list(members))
                finally:
                    del self._looking_closely[pid]

            self._looking_closely[pid] = asyncio.ensure_future(look())
        return self._close_looks.get(pid, 0)

    async def _look(self) -> None:
        try:
            before = self._loop.time() - _FORGET_SECONDS
            self._last_asked = {pid: asked for pid, asked in self._last_asked.items() if asked >= before}
            self._inits = {pid: self._inits[pid] for pid in self._last_asked}
            self._close_looks = {
                pid: used for pid, used in self._close_looks.items() if pid in self._last_asked
            }
            watched = dict(self._inits)
            self._members = await asyncio.to_thread(_members_of, watched)
        finally:
            self._looked_at = self._loop.time()
            self._looking = None


def _resident_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123 - a path object would double the cost
            return int(file.read(64).split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _proportional_bytes(pid: int) -> int:
    """Shared pages count for the part that falls to this process."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith(b"Pss:")) * _KILOBYTE


def _estimated_bytes(members: list[int]) -> int:
    """Blocks while it reads."""
    sample = members if len(members) <= _SAMPLE else random.sample(members, _SAMPLE)
    return sum(map(_proportional_bytes, sample)) * len(members) // len(sample)


def _members_of(watched: dict[int, int]) -> dict[int, set[int]]:
    """By process; `watched` has the init process of each, or 0. Blocks while it reads."""
    children = children_of(parents().items())
    found = {}
    for pid, init in watched.items():
        found[pid] = set(below(pid, children))
        if init:
            found[pid] |= set(below(init, children)) - {init}
    return found
