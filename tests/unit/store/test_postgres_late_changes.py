"""Work that is given back while the database is away is offered when it answers again, not when its lease ends."""

from __future__ import annotations

import asyncio

import pytest

from cutting_proxy import AFTER, BEFORE, cutting_proxy
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import SYSTEM, Enqueue, Item, StoreUnavailable
from nightbus.store.postgres import late_changes
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


async def test_more_changes_than_are_kept_end_all_leases_of_the_nodes_own_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(late_changes, "_MOST_KEPT", 1)
    server, clock = postgres_server(), SystemClock()
    async with new_database() as direct, cutting_proxy("127.0.0.1", server.port) as proxy:
        name = direct.url.rpartition("?")[0].rpartition("/")[2]
        url = server.url_by_network(name).replace(f":{server.port}/", f":{proxy.port}/")
        store = await PostgresStore.open(Database(url), clock)
        try:
            for scope in (SYSTEM, _USERS):
                await store.commit(*[Enqueue(scope, "q", b"", 0) for _ in range(3)])
            items = await store.lease(SYSTEM, "q", 3, _HOUR_MS)
            (received, *_) = await store.lease(_USERS, "q", 3, _HOUR_MS)
            proxy.away = True
            for item in items:
                with pytest.raises(StoreUnavailable):
                    await store.change_lease(SYSTEM, "q", item.id, clock.now_ms(), item.token)
            assert store.in_memory()[_CHANGES] == 1
            proxy.away = False
            again: list[Item] = []
            async with asyncio.timeout(20):
                while len(again) < 3:
                    again += await store.lease(SYSTEM, "q", 3, _HOUR_MS, wait=1)
            assert {item.id for item in again} == {item.id for item in items}
            lease = await store.newest_lease(_USERS, "q", received.id)
            assert lease is not None and lease.ends > clock.now_ms()  # a client's is left alone
            assert "more than 1 leases are to be changed" in caplog.text
        finally:
            await store.close()
