"""Defines what the node can be given to answer paths under `/_nightbus/`, beside its own (`node/admin`): the console.

The node does not import what is mounted: the command line hands it over, so that a node without it is a whole node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from nightbus.node.admin.request import AdminRequest

if TYPE_CHECKING:
    from nightbus.node.node import Node


class Mount(Protocol):
    def begin(self, node: Node) -> None:
        """The node answers from now on; what the mount does in the background ends with `node.ending`."""
        ...

    def takes(self, path: str) -> bool:
        """Return whether it answers this path, which begins with `/_nightbus/`."""
        ...

    async def serve(self, request: AdminRequest) -> None:
        """Answer one request, which the gate has admitted. Raises nothing that a client causes."""
        ...

    def in_memory(self) -> dict[str, int]:
        """The sizes of the maps that it owns, by name."""
        ...
