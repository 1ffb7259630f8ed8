"""Two nodes that start at the same moment on an empty store agree on what both make at first."""

from __future__ import annotations

import asyncio

from memory_store import MemoryCluster, MemoryStore
from nightbus.clock import SystemClock
from nightbus.node.node import _node_secret


async def test_they_have_one_secret() -> None:
    for _ in range(20):
        cluster = MemoryCluster()
        stores = [MemoryStore(cluster, SystemClock()) for _ in range(3)]
        first, *others = await asyncio.gather(*map(_node_secret, stores))
        assert len(first) == 32
        assert others == [first] * 2
        for store in stores:
            await store.close()
