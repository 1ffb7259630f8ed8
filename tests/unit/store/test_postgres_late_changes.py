"""Work that is given back while the database is away is offered when it answers again, not when its lease ends."""

from __future__ import annotations

import asyncio

import pytest

from cutting_proxy import AFTER, BEFORE, cutting_proxy
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import SYSTEM, Enqueue, StoreUnavailable
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.store import PostgresStore
from postgres_nodes import new_database
from postgres_server import postgres_server

_USERS = Scope("111111111111", "eu-west-1")
_HOUR_MS = 3_600_000
_CHANGES = "leases to be changed"


@pytest.mark.parametrize("cut", [BEFORE, AFTER])
async def test_a_lease_that_was_to_end_ends_when_the_database_answers(cut: str) -> None:
    server, clock = postgres_server(), SystemClock()
    async with new_database() as direct, cutting_proxy("127.0.0.1", server.port) as proxy:
        name = direct.url.rpartition("?")[0].rpartition("/")[2]
        url = server.url_by_network(name).replace(f":{server.port}/", f":{proxy.port}/")
        store = await PostgresStore.open(Database(url), clock)
        try:
            for scope in (SYSTEM, _USERS):
                await store.commit(Enqueue(scope, "q", b"", 0))
                (item,) = await store.lease(scope, "q", 1, _HOUR_MS)
                proxy.at, proxy.cut = item.token.to_bytes(8, "big", signed=True), cut
                with pytest.raises(StoreUnavailable):
                    await store.change_lease(scope, "q", item.id, clock.now_ms(), item.token)
                if scope == _USERS:  # its holder hears that, and asks again
                    assert store.in_memory()[_CHANGES] == 0
                    continue
                assert store.in_memory()[_CHANGES] == 1
                async with asyncio.timeout(20):
                    while not (again := await store.lease(scope, "q", 1, _HOUR_MS, wait=1)):
                        pass
                assert again[0].attempt == 2
                async with asyncio.timeout(20):
                    while store.in_memory()[_CHANGES]:
                        await asyncio.sleep(0.02)
                await store.commit(again[0].acknowledge())  # its lease is untouched
        finally:
            await store.close()
