"""Mounts the console and its API in a node. All else of the package is imported at the first request for either, but
for what keeps samples from the node's start."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from nightbus.console.samples import Samples
from nightbus.node.admin.request import AdminRequest

if TYPE_CHECKING:
    from nightbus.node.node import Node

CONSOLE = "/_nightbus/console"
API = "/_nightbus/api"
_PLACES = (CONSOLE, API)


class Console:
    """Implements `nightbus.node.mounts.Mount`."""

    def __init__(self) -> None:
        self._site: Any = None
        self._loading = asyncio.Lock()
        self.samples: Samples | None = None

    def begin(self, node: Node) -> None:
        self.samples = Samples(node)

    def takes(self, path: str) -> bool:
        return path in _PLACES or path.startswith((CONSOLE + "/", API + "/"))

    async def serve(self, request: AdminRequest) -> None:
        if self._site is None:
            async with self._loading:
                if self._site is None:
                    self._site = await asyncio.to_thread(_load, self.samples)
        await self._site.serve(request)

    def in_memory(self) -> dict[str, int]:
        sizes: dict[str, int] = {} if self._site is None else self._site.in_memory()
        return sizes


def _load(samples: Samples | None) -> Any:
    return importlib.import_module("nightbus.console.site").Site(samples)
