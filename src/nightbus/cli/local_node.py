"""Finds the data folder of the node on a port of this machine, by the lock that the node holds on the folder."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from nightbus.cli.errors import NotRunning
from nightbus.node.settings import MEMORY_FOLDER_PREFIX, Settings
from nightbus.store.folder import FolderHolder, folder_holder


def folder_of_port(settings: Settings) -> Path | None:
    """Return the folder whose lock a node on the settings' port holds, found without asking a node; None without it."""
    found = (folder for folder in _local_folders(settings) if _is_of_port(folder, settings.port))
    return next(found, None)


def find_local_node(settings: Settings) -> tuple[Path, FolderHolder]:
    """Return the folder and the holder of its lock. Raises NotRunning if no node of this user listens on the port."""
    for folder in _folders(settings):
        holder = folder_holder(folder)
        if holder is not None and holder.port == settings.port:
            return folder, holder
    raise NotRunning(_absence_text(settings))


def _folders(settings: Settings) -> Iterator[Path]:
    """Yield the folders that may have the lock of the node on the port: data folders and those of nodes in memory."""
    from nightbus.cli.client import get_json

    yield from _local_folders(settings)
    data = get_json(settings, "status").get("data")
    if isinstance(data, str):
        yield Path(data)


def _local_folders(settings: Settings) -> Iterator[Path]:
    yield settings.data
    yield from Path(tempfile.gettempdir()).glob(f"{MEMORY_FOLDER_PREFIX}*")


def _is_of_port(folder: Path, port: int) -> bool:
    holder = folder_holder(folder)
    return holder is not None and holder.port == port


def _absence_text(settings: Settings) -> str:
    holder = folder_holder(settings.data)
    if holder is not None and holder.port:
        return (
            f"no node of yours listens on port {settings.port}; the one on {settings.data} listens on port "
            f"{holder.port}: nightbus stop --port {holder.port}"
        )
    return f"no node of yours listens on port {settings.port}"
