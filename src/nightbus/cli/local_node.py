"""Finds the data folder of the node on a port of this machine, by the lock that the node holds on the folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nightbus.cli.client import get_json
from nightbus.cli.errors import CommandFailed, NotRunning
from nightbus.cli.node_folders import folder_of_port, is_of_this_machine, local_folders
from nightbus.node.settings import Settings
from nightbus.store.folder import FolderHolder, folder_holder


def find_local_node(settings: Settings) -> tuple[Path, FolderHolder]:
    """Return the folder and the holder of its lock. Raises NotRunning if no node of this user listens on the port."""
    if not is_of_this_machine(settings.host):
        raise NotRunning(f"the node at {settings.endpoint} is on another machine")
    for folder in _folders(settings):
        holder = folder_holder(folder)
        if holder is not None and holder.port == settings.port:
            return folder, holder
    raise NotRunning(_absence_text(settings))


def authority_of(settings: Settings) -> Path | None:
    """Return the PEM file of the authority that the node has made for itself, for tools to trust.

    None where there is none: for plain HTTP, for a certificate of the user's own, and for a node elsewhere.
    """
    if not settings.tls or settings.tls_cert is not None:
        return None
    from nightbus.cli.trust import authority_in

    try:
        folder = folder_of_port(settings) or find_local_node(settings)[0]
    except CommandFailed:
        folder = settings.data
    return authority_in(folder)


def _folders(settings: Settings) -> Iterator[Path]:
    """Yield the folders that may have the lock of the node on the port: data folders and those of nodes in memory."""
    yield from local_folders(settings)
    data = get_json(settings, "status").get("data")
    if isinstance(data, str):
        yield Path(data)


def _absence_text(settings: Settings) -> str:
    holder = folder_holder(settings.data)
    if holder is not None and holder.port:
        return (
            f"no node of yours listens on port {settings.port}; the one on {settings.data} listens on port "
            f"{holder.port}: nightbus stop --port {holder.port}"
        )
    return (
        f"no node of yours listens on port {settings.port}; if a load balancer does, name the port of one of its "
        "nodes: --port NUMBER"
    )
