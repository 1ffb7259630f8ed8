"""Whatever a node keeps in memory for as long as it lives is reported by `/_nightbus/sizes`."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

from nightbus.bounded import Bounded
from nightbus.node.admin.sizes import sizes
from nightbus.node.node import Node


def bounded_maps() -> list[Bounded[Any, Any]]:
    return [one for one in gc.get_objects() if isinstance(one, Bounded)]


def owner_of(kept: Bounded[Any, Any]) -> str:
    """The class that has the map, and what that class belongs to."""
    names = []
    holder: object = kept
    for _ in range(2):
        holder = next(
            (one for one in gc.get_referrers(holder) if type(one).__module__.startswith("nightbus.")), None
        )
        names.append(type(holder).__qualname__)
    return " of ".join(names)


async def in_memory(node: Node) -> int:
    memory: dict[str, int] = (await sizes(node))["memory"]
    return sum(memory.values())


async def test_every_cache_of_a_node_is_among_its_sizes(tmp_path: Path) -> None:
    """Remedy: give the owner an `in_memory`, and add it to `Node.owners` (docs/extending.md)."""
    before = {id(one) for one in bounded_maps()}
    node = Node(tmp_path / "data", "http://127.0.0.1:1")
    await node.start()
    try:
        caches = [one for one in bounded_maps() if id(one) not in before]
        assert len(caches) > 5
        unreported = []
        for cache in caches:
            size, key = await in_memory(node), object()
            cache[key] = None
            if await in_memory(node) == size:
                unreported.append(owner_of(cache))
            del cache[key]
        assert unreported == []
    finally:
        await node.stop()
