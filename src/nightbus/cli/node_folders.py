"""Finds the data folders of nodes on this machine by their locks, without asking any node."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from nightbus.node.settings import MEMORY_FOLDER_PREFIX, Settings
from nightbus.store.folder import folder_holder


def folder_of_port(settings: Settings) -> Path | None:
    """Return the folder whose lock a node on the settings' port holds, found without asking a node; None without it."""
    found = (folder for folder in local_folders(settings) if _is_of_port(folder, settings.port))
    return next(found, None)


def local_folders(settings: Settings) -> Iterator[Path]:
    yield settings.data
    yield from Path(tempfile.gettempdir()).glob(f"{MEMORY_FOLDER_PREFIX}*")


def _is_of_port(folder: Path, port: int) -> bool:
    holder = folder_holder(folder)
    return holder is not None and holder.port == port
