"""Stops the processes of an environment between invocations, as AWS freezes it, and lets them go on.

When that is due is decided in `limit_watch`; every caller that has an event for the environment thaws it first. In a
frozen environment no process runs, so that none is forked, and no processor time is used. SIGKILL ends it as it is.

Where the environment has namespaces, their init process sends the signals (`zygote/isolation/orders.py`), to all of
them at once: nothing that forks escapes. What the node sends over the link arrives in order, so that an environment
that was frozen and thawed again runs. Without namespaces the node looks for the processes and stops them one by one,
until no new one appears. One that forks its successor and ends before it is seen, again and again, escapes that.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Container
from typing import Protocol

from nightbus.functions.init_link import FREEZE, THAW, InitLink
from nightbus.functions.process_tree import below, children_of, parent_of, parents

_MOST_LOOKS = 20  # for new processes


class Freezer(Protocol):
    def freeze(self) -> bool:
        """False where that cannot be. It may be frozen already, and have processes that run nonetheless."""
        ...

    def thaw(self) -> None:
        """The processes go on from here, in any case before they read what is sent to them next."""
        ...


def freezer(pid: int, init: int, link: InitLink) -> Freezer:
    """For the environment whose process is `pid`. `init`: the first process of its namespace, 0 where there is none."""
    return NamespaceFreezer(pid, link) if init else TreeFreezer(pid)


class NamespaceFreezer:
    def __init__(self, pid: int, link: InitLink) -> None:
        self._pid = pid
        self._link = link

    def freeze(self) -> bool:
        return self._link.send(FREEZE)

    def thaw(self) -> None:
        """The environment's process, which is the runtime where nothing supervises it, need not wait for the others."""
        with contextlib.suppress(OSError):
            os.kill(self._pid, signal.SIGCONT)
        self._link.send(THAW)


class TreeFreezer:
    """`pid` leads a process group, and is the subreaper of all that it forks."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._stopped: dict[int, None] = {}
        self._stopping: asyncio.Task[None] | None = None

    def freeze(self) -> bool:
        if sys.platform != "linux":
            return False
        if self._stopping is not None:
            self._stopping.cancel()
        self._signal_group(signal.SIGSTOP)
        self._stopped[self._pid] = None
        self._stopping = asyncio.create_task(self._stop_all())
        return True

    async def _stop_all(self) -> None:
        seen = {self._pid}
        for _ in range(_MOST_LOOKS):
            members = below(self._pid, children_of((await asyncio.to_thread(parents)).items()))
            new = [one for one in members if one not in seen]
            if not new:
                return
            for one in new:
                _signal_member(one, signal.SIGSTOP, members)
                self._stopped[one] = None
            seen.update(new)

    def thaw(self) -> None:
        """Children first, so that no parent sees one that is stopped."""
        if self._stopping is not None:
            self._stopping.cancel()
        for one in reversed(self._stopped):
            if one != self._pid:
                _signal_member(one, signal.SIGCONT, self._stopped)
        self._signal_group(signal.SIGCONT)
        self._stopped = {}

    def _signal_group(self, number: int) -> None:
        with contextlib.suppress(OSError):
            os.killpg(self._pid, number)


def _signal_member(pid: int, number: int, members: Container[int]) -> None:
    """Not where the id has come to another process meanwhile, whose parent is not one of `members`."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if parent_of(pid) in members:
            signal.pidfd_send_signal(descriptor, number)
    except OSError:
        return
    finally:
        os.close(descriptor)
