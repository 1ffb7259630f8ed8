"""Stops a node from another terminal, by the signal that Ctrl-C sends.

The process to signal is the one that holds the lock of the node's data folder; what answers at the node's address may
name a folder to look at, and never a process.
"""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from nightbus.cli.client import NotRunning, ask
from nightbus.cli.failures import CommandFailed
from nightbus.node.settings import MEMORY_FOLDER_PREFIX, Settings
from nightbus.store.folder import FolderHolder, folder_holder

_SECONDS = 20.0


def stop_node(settings: Settings) -> None:
    """Returns when the node has let go of its folder. Raises CommandFailed, NotRunning where there is no such node."""
    for folder in _folders(settings):
        holder = folder_holder(folder)
        if holder is not None and holder.port == settings.port:
            _stop(folder, holder)
            print(f"Nightbus at {settings.endpoint} has stopped.")
            return
    raise NotRunning(_why_none(settings), 3)


def _folders(settings: Settings) -> Iterator[Path]:
    """Where the lock of the node on this port may lie: its data folder, or that of a node in memory."""
    yield settings.data
    yield from Path(tempfile.gettempdir()).glob(f"{MEMORY_FOLDER_PREFIX}*")
    data = ask(settings, "status").get("data")
    if isinstance(data, str):
        yield Path(data)


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


def _why_none(settings: Settings) -> str:
    holder = folder_holder(settings.data)
    if holder is not None and holder.port:
        return (
            f"no node of yours listens on port {settings.port}; the one on {settings.data} listens on port "
            f"{holder.port}: nightbus stop --port {holder.port}"
        )
    return f"no node of yours listens on port {settings.port}"
