"""Bounded maps, locks that go, and lines that are said seldom."""

from __future__ import annotations

import asyncio

from nightbus.bounded import Bounded, Locks, Seldom


def test_a_bounded_map_lets_the_oldest_entry_go() -> None:
    known: Bounded[int, str] = Bounded(2)
    for key in (1, 2, 3):
        known[key] = "x"
    assert list(known) == [2, 3]


async def test_a_lock_is_there_only_while_somebody_needs_it() -> None:
    locks: Locks[str] = Locks()
    order: list[str] = []

    async def work(name: str) -> None:
        async with locks.holding("key"):
            order.append(f"{name} in")
            await asyncio.sleep(0)
            order.append(f"{name} out")

    await asyncio.gather(work("a"), work("b"))
    assert order == ["a in", "a out", "b in", "b out"]
    assert len(locks) == 0


def test_a_thing_is_said_once_a_while_and_few_things_at_all() -> None:
    seldom: Seldom[int] = Seldom(1000, 3)
    assert [seldom.is_due(what, 5000) for what in (1, 1, 2, 3, 4)] == [True, False, True, True, False]
    assert seldom.is_due(1, 6000)
