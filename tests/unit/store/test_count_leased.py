"""How many items of a queue are leased: as far as one asks, and not those whose lease has ended."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import Enqueue, Store

HERE = Scope("111111111111", "eu-west-1")
HOUR_MS = 3_600_000


async def test_leased_items_are_counted_up_to_a_number(store: Store) -> None:
    assert await store.leased(HERE, "q", 10) == 0
    await store.commit(*[Enqueue(HERE, "q", b"", 0) for _ in range(8)], Enqueue(HERE, "other", b"", 0))
    items = await store.lease(HERE, "q", 5, HOUR_MS)
    await store.lease(HERE, "other", 1, HOUR_MS)
    assert await store.leased(HERE, "q", 10) == 5
    assert await store.leased(HERE, "q", 5) == 5
    assert await store.leased(HERE, "q", 3) == 3
    await store.commit(items[0].acknowledge())
    await store.change_lease(HERE, "q", items[1].id, SystemClock().now_ms() - 1, items[1].token)
    assert await store.leased(HERE, "q", 10) == 3
