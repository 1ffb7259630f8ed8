"""Finds the data folders of nodes on this machine by their locks, without asking any node."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from nightbus.node.settings import MEMORY_FOLDER_PREFIX, Settings
from nightbus.store.folder import folder_holder


def folder_of_port(settings: Settings) -> Path | None:
    """Return the folder whose lock a node on the settings' port holds, found without asking a node; None without it.

    A node on another machine has none here, whatever its port.
    """
    if not is_of_this_machine(settings.host):
        return None
    found = (folder for folder in local_folders(settings) if _is_of_port(folder, settings.port))
    return next(found, None)


def local_folders(settings: Settings) -> Iterator[Path]:
    yield settings.data
    yield from Path(tempfile.gettempdir()).glob(f"{MEMORY_FOLDER_PREFIX}*")


def is_of_this_machine(host: str) -> bool:
    """Return whether a node on the host is on this machine: whether a socket can be bound to it, which sends nothing.

    So no key of a folder here is shown to a node elsewhere that has the same port.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host.strip("[]") or None, 0, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as bound:
            bound.bind(address)
    except OSError:
        return False
    return True


def _is_of_port(folder: Path, port: int) -> bool:
    holder = folder_holder(folder)
    return holder is not None and holder.port == port
