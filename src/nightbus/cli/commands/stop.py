"""Stops a node from another terminal, by the signal that Ctrl-C sends.

The process to signal is the one that holds the lock of the node's data folder; what answers at the node's address may
name a folder to look at, and never a process.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from nightbus.cli.errors import CommandFailed
from nightbus.cli.local_node import find_local_node
from nightbus.node.settings import Settings
from nightbus.store.folder import FolderHolder, folder_holder

_SECONDS = 20.0


def stop_node(settings: Settings) -> None:
    """Returns when the node has let go of its folder. Raises CommandFailed, NotRunning where there is no such node."""
    _stop(*find_local_node(settings))
    print(f"Nightbus at {settings.endpoint} has stopped.")


def _stop(folder: Path, holder: FolderHolder) -> None:
    try:
        _signal(folder, holder)
    except (ProcessLookupError, PermissionError) as failure:
        raise CommandFailed(f"cannot stop process {holder.pid}: {failure.strerror}") from failure
    deadline = time.monotonic() + _SECONDS
    while folder_holder(folder) == holder:
        if time.monotonic() > deadline:
            raise CommandFailed(f"process {holder.pid} was told to stop and has not after {_SECONDS:.0f} s")
        time.sleep(0.05)


def _signal(folder: Path, holder: FolderHolder) -> None:
    """Where the system has handles of processes, the handle is opened before the lock is looked at once more, so that a
    process which took over the number of an ended node is not signalled."""
    if not hasattr(os, "pidfd_open"):
        os.kill(holder.pid, signal.SIGTERM)
        return
    handle = os.pidfd_open(holder.pid)
    try:
        if folder_holder(folder) == holder:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
    finally:
        os.close(handle)
