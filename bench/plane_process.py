"""The processes behind a port: found by /proc, paused while another is measured, asked for their memory."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from node import resident_megabytes

_LISTENING = "0A"


def listener(port: int) -> int | None:
    """The process that listens on a local port; the oldest where several share it."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    return min((pid for pid in _all_processes() if inodes & _open_files(pid)), default=None)


def _listening_inodes(port: int) -> Iterator[str]:
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        if not table.exists():
            continue
        for line in table.read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == _LISTENING and int(fields[1].rsplit(":", 1)[1], 16) == port:
                yield fields[9]


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _open_files(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(OSError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(str(entry.readlink()))
    return found


def family(pid: int) -> list[int]:
    """The process and all that it started, parents first."""
    children: dict[int, list[int]] = {}
    for each in _all_processes():
        with contextlib.suppress(OSError):
            stat = Path(f"/proc/{each}/stat").read_text()
            children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(each)
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


def send(pid: int, number: signal.Signals) -> None:
    for each in family(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, number)


def megabytes(pid: int) -> float:
    """Resident memory of the whole family; what they share counts for each."""
    total = 0.0
    for each in family(pid):
        with contextlib.suppress(OSError, RuntimeError):
            total += resident_megabytes(each)
    return total


def machine_megabytes() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024 / 1024


@contextlib.contextmanager
def paused(pids: list[int]) -> Iterator[None]:
    try:
        for pid in pids:
            send(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            send(pid, signal.SIGCONT)
