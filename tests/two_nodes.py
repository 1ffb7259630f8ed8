"""Runs `nightbus` as two nodes on one shared, slow store, behind one port.

`NIGHTBUS_TEST_TWO_NODES=1` makes every `RunningNode` one of these: what relies on one node's memory, or on nothing
happening between two calls of the store, fails on it. Both nodes run in one process. They have one endpoint, one node
secret and one vault key, as the nodes of a cluster have. Each request goes to one of them by chance, once that node has
heard of all that was committed before: a client that was answered by one finds its change at the other. Requests that
are under way at the same time, and all background work, meet caches that are old for a moment.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memory_store import MemoryCluster, MemoryStore
from nightbus.clock import Clock
from nightbus.node import server, storage
from nightbus.node.application import Application
from nightbus.node.mounts import Mount
from nightbus.node.node import Node
from nightbus.node.settings import Settings
from nightbus.store.folder import FolderLock
from nightbus.store.vault import Vault


class TwoNodes(Node):
    """The first of two nodes; what is done to it as a whole is done to the `second` as well."""

    def __init__(self, folder: Path | None, *settings: Any, **more: Any) -> None:
        assert folder is None, "the shared store is in memory: it has no data folder"
        super().__init__(None, *settings, **more)
        self.second = Node(None, *settings, **more)
        self.second.ending = self.ending

    async def start(self) -> None:
        await asyncio.gather(
            super().start(), self.second.start()
        )  # what both make at first, one of them makes
        self.second.operator_key = self.operator_key

    def start_background_work(self) -> None:
        if self.functions.networks is not None and self.second.functions.networks is not None:
            self.second.functions.networks.serve_node = (
                self.functions.networks.serve_node
            )  # there is one server
        super().start_background_work()
        self.second.start_background_work()

    async def stop(self) -> None:
        await self.second.stop()
        await super().stop()


class ByChance:
    """The ASGI callable in front of both."""

    def __init__(self, node: TwoNodes, settings: Settings, mounts: Sequence[Mount] = ()) -> None:
        self._nodes = [(one, Application(one, settings, mounts)) for one in (node, node.second)]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        node, application = random.choice(self._nodes)
        assert isinstance(node.store, MemoryStore)
        await node.store.caught_up()
        await application(scope, receive, send)


def main() -> None:
    from nightbus.cli.main import main as run

    cluster, vault, locks = MemoryCluster(), Vault(None), list[FolderLock]()

    class Shared(MemoryStore):
        @classmethod
        def open(cls, folder: Path, clock: Clock, **more: object) -> MemoryStore:
            locks.append(FolderLock.acquire(folder))
            return cls(cluster, clock)

        def announce(self, port: int) -> None:
            if len(locks) == 1:  # the first node's folder has the operator key that counts
                locks[0].announce(port)

    storage.__dict__["SqliteStore"] = Shared
    storage.__dict__["Vault"] = lambda folder: vault
    server.__dict__["Node"] = TwoNodes
    server.__dict__["Application"] = ByChance
    run()


if __name__ == "__main__":
    main()
