"""Whatever a node keeps in memory for as long as it lives is reported by `/_nightbus/sizes`."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

from nightbus.bounded import Bounded, BoundedWeight
from nightbus.clock import SystemClock
from nightbus.identity.principals import Principals
from nightbus.node.admin.sizes import sizes
from nightbus.node.node import Node
from nightbus.store.sqlite.store import SqliteStore


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
            size, key = await in_memory(node), ("", "", "a key of none")
            cache[key] = None
            if await in_memory(node) == size:
                unreported.append(owner_of(cache))
            del cache[key]
        assert unreported == []
    finally:
        await node.stop()


def test_a_map_of_heavy_keys_drops_the_oldest_until_it_is_light_enough() -> None:
    kept: BoundedWeight[str, int] = BoundedWeight(100, 10, len)
    for number, key in enumerate(("aaaa", "bbbb", "cc")):
        kept[key] = number
    kept["cc"] = 7
    assert (list(kept), kept.weight) == (["aaaa", "bbbb", "cc"], 10)
    kept["dd"] = 3
    assert (list(kept), kept.weight) == (["bbbb", "cc", "dd"], 8)
    kept["e" * 11] = 4
    assert (list(kept), kept.weight) == (["e" * 11], 11)


async def test_session_policies_as_long_as_may_be_do_not_take_all_memory(tmp_path: Path) -> None:
    """Each caller of AssumeRole may send another one, which took 55 KB, as often as it likes."""
    store = SqliteStore.open(tmp_path / "data", SystemClock())
    principals = Principals(store)
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    for number in range(2_500):
        text = json.dumps({"Statement": [{**statement, "Sid": f"s{number}{'x' * 1_900}"}]})
        assert await principals.session_policies("000000000000", (text,))
    assert 1_000 < principals.in_memory()["policies of principals"] < 2_200
    await store.close()
