"""Measures the processes of execution environments: which there are, their private memory, their processor time."""

from __future__ import annotations

import contextlib
from pathlib import Path

from plane_process import family


def environments(pid: int) -> list[int]:
    """The processes below the node `pid` that run functions: neither its zygotes nor what sets up a sandbox."""
    members = family(pid)[1:]
    zygotes = {each for each in members if _parent(each) == pid}
    return [each for each in members if each not in zygotes and not _waits_for_children(each)]


def _waits_for_children(pid: int) -> bool:
    """A process between a zygote and an environment has the environment as its child; an idle one has none."""
    return any(_parent(each) == pid for each in family(pid)[1:])


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0


def private_megabytes(pid: int) -> float:
    """The memory that would be free without this process."""
    total = 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1])
    return total / 1024


def processor_ms(pid: int) -> tuple[float, float]:
    """Processor time so far of the node's threads, and of all processes below it that live."""
    node, *others = family(pid)
    return _run_ms(node), sum(map(_run_ms, others))


def _run_ms(pid: int) -> float:
    """The scheduler's own count in nanoseconds, which is finer than the ticks of /proc/PID/stat."""
    total = 0
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                total += int((task / "schedstat").read_text().split()[0])
    return total / 1e6
