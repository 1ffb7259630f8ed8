"""Measures the processes of execution environments: which there are, their private memory, their processor time."""

from __future__ import annotations

import contextlib
from pathlib import Path

from plane_process import family


def environments(pid: int) -> list[list[int]]:
    """The processes of each environment of the node `pid`: those of one namespace of processes, or each alone."""
    found: dict[str, list[int]] = {}
    own, members = _namespace(pid), family(pid)[1:]
    zygotes = {each for each in members if _parent(each) == pid}
    for each in members:
        namespace = _namespace(each)
        if namespace and namespace != own:
            found.setdefault(namespace, []).append(each)
        elif _parent(each) in zygotes:
            found.setdefault(f"alone {each}", []).append(each)
    # One process alone in its namespace keeps those of the next environment, as does one that waits for it.
    separate = [group for name, group in found.items() if not name.startswith("alone") and len(group) > 1]
    return [group for group in separate if not all(map(_is_silent, group))] or list(found.values())


def _is_silent(pid: int) -> bool:
    """Whether it writes to no pipe: a function's output is one."""
    with contextlib.suppress(OSError):
        return not str(Path(f"/proc/{pid}/fd/1").readlink()).startswith("pipe:")
    return True


def _namespace(pid: int) -> str:
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    return ""


def _parent(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    return 0


def private_megabytes(pid: int) -> float:
    """The memory that would be free without this process; 0 for one that has ended."""
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
