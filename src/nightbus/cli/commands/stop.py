"""Stops a node from another terminal, with the signal that Ctrl-C sends.

It signals the process that holds the lock of the node's data folder. A response from the node's address may name a
folder to search, but never a process.
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
    """Stop the node, and return when it has released its folder. Raises CommandFailed, or NotRunning without a node."""
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
            raise CommandFailed(f"process {holder.pid} has not stopped {_SECONDS:.0f} s after the signal")
        time.sleep(0.05)


def _signal(folder: Path, holder: FolderHolder) -> None:
    """Signal the process that holds the lock.

    On systems with handles of processes the handle is opened before the lock is checked again, so that another process
    that got the number of an ended node is not signalled.
    """
    if not hasattr(os, "pidfd_open"):
        os.kill(holder.pid, signal.SIGTERM)
        return
    handle = os.pidfd_open(holder.pid)
    try:
        if folder_holder(folder) == holder:
            signal.pidfd_send_signal(handle, signal.SIGTERM)
    finally:
        os.close(handle)
