"""A lease whose answer is lost with the connection ends at once, and not when its time is over."""

from __future__ import annotations

import asyncio
import secrets

import pytest

from cutting_proxy import AFTER, COMMIT, cutting_proxy
from nightbus.aws.calls import Scope
from nightbus.clock import SystemClock
from nightbus.store.interface import SYSTEM, Enqueue, Item, StoreUnavailable
from nightbus.store.postgres import lost_leases
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.store import PostgresStore
from postgres_nodes import new_database
from postgres_server import postgres_server

_TOKEN = 0x2121212121212121
_IN_BIND = _TOKEN.to_bytes(8, "big")  # how the driver sends it
_HOUR_MS = 3_600_000


@pytest.mark.parametrize("scope", [SYSTEM, Scope("111111111111", "eu-west-1")])
@pytest.mark.parametrize(("by_group", "cut_at"), [(False, _IN_BIND), (True, COMMIT.replace(b"\0", b";\0"))])
async def test_what_was_leased_without_an_answer_is_offered_again(
    scope: Scope, by_group: bool, cut_at: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = postgres_server()
    async with new_database() as direct, cutting_proxy("127.0.0.1", server.port) as proxy:
        name = direct.url.rpartition("?")[0].rpartition("/")[2]
        url = server.url_by_network(name).replace(f":{server.port}/", f":{proxy.port}/")
        store = await PostgresStore.open(Database(url), SystemClock())
        try:
            await store.commit(Enqueue(scope, "q", b"", 0, group="g"))
            monkeypatch.setattr(secrets, "randbits", lambda bits: _TOKEN)
            proxy.at, proxy.cut = cut_at, AFTER
            with pytest.raises(StoreUnavailable):
                await store.lease(scope, "q", 1, _HOUR_MS, by_group=by_group)
            assert proxy.cuts == 1
            (item,) = await _leased(store, scope, by_group)
            assert item.attempt == 1  # nobody had it before
            await store.commit(item.acknowledge())
        finally:
            await store.close()


async def _leased(store: PostgresStore, scope: Scope, by_group: bool) -> list[Item]:
    async with asyncio.timeout(20):
        while not (items := await store.lease(scope, "q", 1, _HOUR_MS, wait=1, by_group=by_group)):
            pass
        return items


async def test_more_lost_leases_than_are_remembered_end_all_of_the_nodes_own_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lost_leases, "_MOST_KEPT", 0)
    server = postgres_server()
    async with new_database() as direct, cutting_proxy("127.0.0.1", server.port) as proxy:
        name = direct.url.rpartition("?")[0].rpartition("/")[2]
        url = server.url_by_network(name).replace(f":{server.port}/", f":{proxy.port}/")
        store = await PostgresStore.open(Database(url), SystemClock())
        try:
            await store.commit(Enqueue(SYSTEM, "q", b"", 0))
            with monkeypatch.context() as known:
                known.setattr(secrets, "randbits", lambda bits: _TOKEN)
                proxy.at, proxy.cut = _IN_BIND, AFTER
                with pytest.raises(StoreUnavailable):
                    await store.lease(SYSTEM, "q", 1, _HOUR_MS)
            (item,) = await _leased(store, SYSTEM, by_group=False)
            await store.commit(item.acknowledge())
            assert "the answers of more than 0 leases were lost" in caplog.text
        finally:
            await store.close()
