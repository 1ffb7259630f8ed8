"""A code signs in once and in time, at any node; a session ends at all nodes, by itself, by its owner and by others."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator, Callable

import pytest

from memory_store import MemoryCluster, MemoryStore
from nightbus.clock import VirtualClock
from nightbus.identity.console_sessions import (
    CODE,
    IDLE_MS,
    LINK_MS,
    LONGEST_MS,
    SESSION,
    ConsoleSessions,
    forget_ended,
)
from nightbus.store.interface import SYSTEM, Change, Record

NOTED_MS = 600_000


class Store(MemoryStore):
    """Counts its reads of single records; `full` is the disk."""

    reads = 0
    full = False

    async def get(self, scope: object, kind: str, key: str) -> Record | None:
        self.reads += 1
        return await super().get(scope, kind, key)  # type: ignore[arg-type]

    async def commit(self, *changes: Change, patience: float = 0.0) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "no space left on device")
        await super().commit(*changes, patience=patience)


class Nodes:
    """Two nodes on one store."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        cluster = MemoryCluster()
        self.stores = [Store(cluster, self.clock, slow=False) for _ in range(2)]
        self.first, self.second = (ConsoleSessions(store, self.clock) for store in self.stores)

    async def later(self, ms: int) -> None:
        await self.clock.advance(ms / 1000)

    async def heard(self) -> None:
        for store in self.stores:
            await store.caught_up()

    async def signed_in(self) -> str:
        """The cookie of a session that the first node has made."""
        done = await self.first.sign_in(await self.first.new_code())
        assert done is not None
        await self.heard()
        return done[0]

    async def kept(self) -> dict[str, list[Record]]:
        return {kind: await self.stores[0].list(SYSTEM, kind) for kind in (CODE, SESSION)}


@pytest.fixture
async def nodes() -> AsyncIterator[Nodes]:
    nodes = Nodes()
    yield nodes
    for store in nodes.stores:
        await store.close()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0)


async def test_a_code_is_good_once_at_whichever_node(nodes: Nodes) -> None:
    code = await nodes.first.new_code()
    done = await nodes.second.sign_in(code)
    assert done is not None
    assert await nodes.first.sign_in(code) is None
    assert await nodes.second.sign_in(code) is None
    assert await nodes.first.find(done[0]) == await nodes.second.find(done[0]) == done[1]


async def test_of_two_who_use_a_code_at_once_one_is_signed_in(nodes: Nodes) -> None:
    code = await nodes.first.new_code()
    done = await asyncio.gather(nodes.first.sign_in(code), nodes.second.sign_in(code))
    assert sum(one is not None for one in done) == 1
    assert len((await nodes.kept())[SESSION]) == 1


async def test_a_code_is_good_for_a_minute(nodes: Nodes) -> None:
    codes = [await nodes.first.new_code() for _ in range(2)]
    await nodes.later(LINK_MS - 1)
    assert await nodes.second.sign_in(codes[0]) is not None
    await nodes.later(1)
    assert await nodes.second.sign_in(codes[1]) is None


@pytest.mark.parametrize("text", ["", "x", "\ud800", "é" * 300])
async def test_what_is_no_code_and_no_cookie_is_nothing(nodes: Nodes, text: str) -> None:
    await nodes.first.new_code()
    assert await nodes.first.sign_in(text) is None
    assert await nodes.first.find(text) is None


async def test_a_request_reads_nothing_and_writes_nothing(nodes: Nodes) -> None:
    cookie = await nodes.signed_in()
    for node in (nodes.first, nodes.second):
        await node.find(cookie)
    before = [store.reads for store in nodes.stores]
    record = (await nodes.kept())[SESSION]
    for node in (nodes.first, nodes.second) * 50:
        session = await node.find(cookie)
        assert session is not None
        assert await node.stands(session)
    assert [store.reads for store in nodes.stores] == before
    assert (await nodes.kept())[SESSION] == record


async def test_use_at_one_node_keeps_the_session_at_the_other(nodes: Nodes) -> None:
    cookie = await nodes.signed_in()
    for _ in range(5):
        await nodes.later(IDLE_MS - NOTED_MS)
        used = nodes.clock.now_ms()
        for _ in range(3):
            assert await nodes.first.find(cookie) is not None
        await until(lambda: not nodes.first._noting)
        await nodes.heard()
        assert (await nodes.kept())[SESSION][0].value["used"] == used
    assert await nodes.second.find(cookie) is not None


async def test_a_session_ends_at_all_nodes_when_nobody_uses_it(nodes: Nodes) -> None:
    cookie = await nodes.signed_in()
    session = await nodes.second.find(cookie)
    assert session is not None
    await nodes.later(IDLE_MS + 1)
    for node in (nodes.first, nodes.second):
        assert await node.find(cookie) is None
        assert not await node.stands(session)


async def test_a_session_ends_though_it_is_used(nodes: Nodes) -> None:
    cookie = await nodes.signed_in()
    lasted = 0
    while await nodes.first.find(cookie) is not None:
        await until(lambda: not nodes.first._noting)
        await nodes.heard()
        await nodes.later(IDLE_MS // 2)
        lasted += IDLE_MS // 2
        assert lasted <= LONGEST_MS + IDLE_MS
    assert lasted > LONGEST_MS
    assert await nodes.second.find(cookie) is None


async def test_who_signs_out_is_out_at_all_nodes_and_nobody_else(nodes: Nodes) -> None:
    cookies = [await nodes.signed_in() for _ in range(2)]
    session = await nodes.second.find(cookies[0])
    assert session is not None
    await nodes.first.sign_out(cookies[0])
    await nodes.heard()
    for node in (nodes.first, nodes.second):
        assert await node.find(cookies[0]) is None
        assert not await node.stands(session)
        assert await node.find(cookies[1]) is not None
    await nodes.first.sign_out(cookies[0])  # once more


async def test_a_use_that_is_noted_brings_no_session_back(nodes: Nodes) -> None:
    cookie = await nodes.signed_in()
    assert await nodes.first.find(cookie) is not None
    await nodes.later(NOTED_MS)
    finding = asyncio.create_task(nodes.first.find(cookie))
    await nodes.second.sign_out(cookie)
    await finding
    await until(lambda: not nodes.first._noting)
    await nodes.heard()
    assert await nodes.first.find(cookie) is None
    assert (await nodes.kept())[SESSION] == []


async def test_everybody_is_signed_out_and_links_are_used_up(nodes: Nodes) -> None:
    cookies, code = [await nodes.signed_in() for _ in range(3)], await nodes.first.new_code()
    await nodes.second.sign_everybody_out()
    await nodes.heard()
    for node in (nodes.first, nodes.second):
        assert [await node.find(cookie) for cookie in cookies] == [None] * 3
        assert await node.sign_in(code) is None
    assert await nodes.kept() == {CODE: [], SESSION: []}
    await nodes.second.sign_everybody_out()  # nobody is there


async def test_who_signs_in_while_everybody_is_signed_out_has_no_session(nodes: Nodes) -> None:
    """At any moment between the reads and the commits of it, by a link that was there before."""
    for moment in range(12):
        code = await nodes.first.new_code()
        ending = asyncio.create_task(nodes.second.sign_everybody_out())
        for _ in range(moment):
            await asyncio.sleep(0)
        await nodes.first.sign_in(code)
        await ending
        assert await nodes.kept() == {CODE: [], SESSION: []}


async def test_what_has_ended_is_forgotten_and_nothing_else(nodes: Nodes) -> None:
    cookie = await nodes.signed_in()
    await nodes.first.new_code()
    await forget_ended(nodes.stores[1], nodes.clock)
    assert [len(records) for records in (await nodes.kept()).values()] == [1, 1]
    await nodes.later(LINK_MS)
    await forget_ended(nodes.stores[1], nodes.clock)
    assert [len(records) for records in (await nodes.kept()).values()] == [0, 1]
    assert await nodes.first.find(cookie) is not None
    await nodes.later(IDLE_MS + 1)
    await forget_ended(nodes.stores[1], nodes.clock)
    assert await nodes.kept() == {CODE: [], SESSION: []}


async def test_neither_codes_nor_sessions_pile_up(nodes: Nodes) -> None:
    first = await nodes.signed_in()
    for _ in range(100):
        await nodes.later(1)
        last = await nodes.signed_in()
        await nodes.first.new_code()
    await nodes.first.new_code()
    assert [len(records) for records in (await nodes.kept()).values()] == [100, 100]
    assert await nodes.second.find(first) is None
    assert await nodes.second.find(last) is not None


async def test_no_secret_is_kept(nodes: Nodes) -> None:
    code = await nodes.first.new_code()
    done = await nodes.first.sign_in(code)
    assert done is not None
    await nodes.first.find(done[0])
    shown = repr(vars(nodes.first)) + repr(vars(nodes.first._known)) + repr(await nodes.kept())
    for secret in (code, done[0], done[1].token):
        assert secret not in shown


async def test_somebody_signs_in_while_the_disk_is_full(nodes: Nodes) -> None:
    nodes.stores[0].full = True
    done = await nodes.first.sign_in(await nodes.first.new_code())
    assert done is not None
    cookie, session = done
    await nodes.later(IDLE_MS)
    assert await nodes.first.find(cookie) == session
    await nodes.later(IDLE_MS)
    assert await nodes.first.find(cookie) == session
    assert await nodes.first.stands(session)
    await nodes.first.sign_out(cookie)
    assert await nodes.first.find(cookie) is None
    assert not await nodes.first.stands(session)


async def test_a_full_disk_signs_nobody_out(nodes: Nodes) -> None:
    cookie = await nodes.signed_in()
    nodes.stores[0].full = True
    await nodes.later(NOTED_MS)
    assert await nodes.first.find(cookie) is not None
    await until(lambda: not nodes.first._noting)
    assert await nodes.first.find(cookie) is not None
