"""Bounds what functions write into the folders for compiled modules, which lie on the machine's disk.

All else that a sandboxed function can write is in memory and has a size of its own. These folders outlive environments
and have no quota, so a function could fill the disk that holds the node's data.

The used space of the disk is read once a second. Where it grew by `GROWTH_BYTES` since the folders were last measured,
they are measured again: a look costs one system call while nobody writes much. A function may so write for a second or
two before its environments are ended, as with memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

from nightbus.clock import Clock
from nightbus.functions.removal import remove_tree

log = logging.getLogger("nightbus.functions")

MOST_BYTES = (
    256 * 1024 * 1024
)  # AWS's largest package has 250 MB, and compiled modules are as large as their sources
GROWTH_BYTES = 32 * 1024 * 1024
MOST_ENTRIES = 100_000
_LOOK_SECONDS = 1.0


class _User(Protocol):
    def kill(self) -> None: ...


class CompiledFiles:
    """`root` holds a folder for each function and revision of its code."""

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._users: dict[Path, WeakSet[_User]] = {}
        self._measured = 0  # the bytes that the disk had in use when the folders were last measured
        self._watch: asyncio.Task[None] | None = None

    def watch(self, folder: Path, user: _User) -> None:
        """End `user`, an environment, where its folder gets too large."""
        self._users.setdefault(folder, WeakSet()).add(user)
        if self._watch is None:
            self._measured = self._used()
            self._watch = asyncio.create_task(self._look())

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            await self._clock.sleep(_LOOK_SECONDS)
            used = self._used()
            self._measured = min(self._measured, used)
            if used - self._measured >= GROWTH_BYTES:
                self._measured = used
                await self._bound()

    def _used(self) -> int:
        try:
            return shutil.disk_usage(self._root).used
        except OSError:
            return 0

    async def _bound(self) -> None:
        for folder in list(self._users):
            if not self._users[folder]:
                del self._users[folder]
            elif await asyncio.to_thread(is_too_large, folder):
                log.warning(
                    "a function wrote too much beside its compiled modules, and is ended: %s", folder.name
                )
                for user in list(self._users.get(folder, ())):
                    user.kill()
                await asyncio.to_thread(_empty, folder)


def _empty(folder: Path) -> None:
    """The folder itself stays: an environment that starts meanwhile is about to mount it. Blocks."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            remove_tree(path)
            with contextlib.suppress(OSError):
                path.unlink()


def is_too_large(folder: Path) -> bool:
    """Whether it has more than `MOST_BYTES` or `MOST_ENTRIES`, or is deeper than a path may be. Blocks."""
    size, entries, waiting = 0, 0, [str(folder)]
    while waiting:
        here = waiting.pop()
        if len(os.fsencode(here)) > 4000:
            return True
        with contextlib.suppress(OSError), os.scandir(here) as found:
            for entry in found:
                entries += 1
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    size += entry.stat(follow_symlinks=False).st_blocks * 512
                if size > MOST_BYTES or entries > MOST_ENTRIES:
                    return True
    return False
