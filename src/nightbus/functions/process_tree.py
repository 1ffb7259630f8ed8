"""Finds what a process has forked, by a look at every process of the machine: not every kernel lists children."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping


def parents() -> dict[int, int]:
    """The parent of every process; of none where the node has no descriptor left for a look. Blocks while it reads."""
    found: dict[int, int] = {}
    try:
        names = os.listdir("/proc") if os.path.isdir("/proc/self") else []  # noqa: PTH112, PTH208
    except OSError:
        return found
    for name in names:
        if name.isdigit():
            parent = parent_of(int(name))
            if parent is not None:
                found[int(name)] = parent
    return found


def parent_of(pid: int) -> int | None:
    """None where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - a path object would double the cost
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError):
        return None


def state_of(pid: int) -> str:
    """The state of its first thread as /proc names it: S sleeps, T is stopped. "" where there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as above
            return file.read().rpartition(b")")[2].split()[0].decode()
    except (OSError, IndexError):
        return ""


def threads_wait(pid: int) -> bool:
    """Whether no thread of it is stopped or can run; also where there is no such process."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208
    except OSError:
        return True
    return not any(state_of(int(one)) in ("R", "T") for one in threads)


def is_stopped(pid: int) -> bool:
    """Whether a signal has stopped it. Also where it has ended, and where it waits for a child that has its memory
    (vfork), which no signal ends before the child goes on."""
    return state_of(pid) not in ("R", "S")


def children_of(parents: Iterable[tuple[int, int]]) -> dict[int, list[int]]:
    """By parent; `parents` are pairs of a process and its parent."""
    children: dict[int, list[int]] = {}
    for one, parent in parents:
        children.setdefault(parent, []).append(one)
    return children


def below(pid: int, children: Mapping[int, list[int]]) -> dict[int, None]:
    """The process itself and all below it, each after its parent."""
    found: dict[int, None] = {}
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found[one] = None
            waiting += children.get(one, ())
    return found
