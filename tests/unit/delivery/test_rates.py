"""Requests to an endpoint are spread evenly, and each keeps the moment that it was given, on one node or on several."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from nightbus.clock import SystemClock
from nightbus.delivery.rates import Rates
from nightbus.store.changes import StoreUnavailable
from nightbus.store.postgres.rates import delete_past_moments
from nightbus.store.postgres.store import PostgresStore
from postgres_nodes import new_database

NOW = 1_800_000_000_000


@pytest.fixture(params=["alone", "shared", "shared without notifications"])
async def rates(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Rates, Rates]]:
    """Of two nodes, or twice those of the one."""
    if request.param == "alone":
        one = Rates()
        yield one, one
        return
    async with new_database(polls=request.param != "shared") as database:
        stores = [await PostgresStore.open(database, SystemClock()) for _ in range(2)]
        first, second = Rates(), Rates()
        first.shared, second.shared = stores[0].rates, stores[1].rates
        yield first, second
        for store in stores:
            await store.close()


async def test_moments_are_spread_evenly(rates: tuple[Rates, Rates]) -> None:
    asked = [await rates[who % 2].moment("a", 4, str(who), NOW) for who in range(4)]
    assert asked == [None, NOW + 250, NOW + 500, NOW + 750]
    assert await rates[0].moment("b", 4, "0", NOW) is None
    assert await rates[0].moment("a", 4, "9", NOW + 5000) is None


async def test_a_moment_is_kept_until_it_comes(rates: tuple[Rates, Rates]) -> None:
    first, second = rates
    await first.moment("a", 1, "first", NOW)
    assert await first.moment("a", 1, "second", NOW) == NOW + 1000
    assert await second.moment("a", 1, "third", NOW) == NOW + 2000
    assert await second.moment("a", 1, "second", NOW + 500) == NOW + 1000
    assert await second.moment("a", 1, "second", NOW + 1000) is None
    assert await first.moment("a", 1, "third", NOW + 2000) is None
    assert await second.moment("a", 1, "second", NOW + 2000) == NOW + 3000  # the next attempt


async def test_those_who_ask_at_once_have_a_moment_each(rates: tuple[Rates, Rates]) -> None:
    asking = (rates[who % 2].moment("a", 10, str(who), NOW) for who in range(700))
    moments = [NOW if moment is None else moment for moment in await asyncio.gather(*asking)]
    assert sorted(moments) == [NOW + 100 * number for number in range(700)]
    for half in (moments[::2], moments[1::2]):
        assert half == sorted(half)


async def test_nobody_waits_for_longer_than_a_day(rates: tuple[Rates, Rates]) -> None:
    asked = [await rates[who % 2].moment("a", 1, str(who), NOW) for who in range(2)]
    assert asked == [None, NOW + 1000]
    if (shared := rates[0].shared) is not None:
        await shared._pool.execute("UPDATE rate SET room_from = $1", NOW + 2 * 86_400_000)  # type: ignore[attr-defined]
    else:
        rates[0]._next["a"] = NOW + 2 * 86_400_000
    assert await rates[1].moment("a", 1, "2", NOW) == NOW + 86_400_000
    assert await rates[0].moment("a", 1, "2", NOW + 2 * 86_400_000) is None


def test_nothing_stays_in_memory_of_endpoints_that_have_room() -> None:
    rates = Rates()
    for endpoint in range(10_000):
        rates.wait_until(f"endpoint {endpoint}", 1000, 0, endpoint * 10)
    assert len(rates) < 5_000


async def test_nothing_stays_in_the_database_of_endpoints_that_have_room() -> None:
    async with new_database() as database:
        store = await PostgresStore.open(database, SystemClock())
        now = SystemClock().now_ms()
        for who in range(3):
            await store.rates.moment("long ago", 1, str(who), now - 2 * 3_600_000)
            await store.rates.moment("now", 1, str(who), now)
        await delete_past_moments(store._pool)
        for table, left in (("rate", 1), ("rate_moment", 2)):
            assert await store._pool.fetchval(f"SELECT count(*) FROM {table}") == left
            assert await store._pool.fetchval(f"SELECT count(*) FROM {table} WHERE name = 'now'") == left
        assert store.rates.in_memory() == {"endpoints that are asked for": 0}
        await store.close()


async def test_a_job_comes_again_where_the_store_is_away() -> None:
    class Away:
        async def moment(self, endpoint: str, rate: int, who: str, now_ms: int) -> int | None:
            raise StoreUnavailable("away")

    rates = Rates()
    rates.shared = Away()
    assert await rates.moment("a", 1, "first", NOW) == NOW + 1000


async def test_nobody_waits_for_a_store_that_was_closed_before_it_was_asked() -> None:
    async with new_database() as database:
        store = await PostgresStore.open(database, SystemClock())
        asking = asyncio.ensure_future(store.rates.moment("a", 1, "one", NOW))
        closed = asyncio.ensure_future(store.rates.close())
        async with asyncio.timeout(20):
            await asyncio.wait({asking, closed})
        assert asking.cancelled()
        assert store.rates.in_memory() == {"endpoints that are asked for": 0}
        await store.close()
