"""Entries of several logs come in one order also where logs count by themselves: two have one offset at one time."""

from __future__ import annotations

import pytest

from nightbus.aws.calls import Scope
from nightbus.store.interface import Append, Store

HERE = Scope("123456789012", "eu-central-1")


@pytest.mark.parametrize("backwards", [False, True])
async def test_entries_at_one_place_are_in_the_order_of_the_logs(store: Store, backwards: bool) -> None:
    """Whoever goes on from one of them must know which others come after it."""
    names = [f"l{n}" for n in range(9)]
    for name in (names[5], names[1], names[8], names[0]):  # a log's number is not in the order of its name
        await store.commit(Append(HERE, name, 0, b""))
    await store.commit(*[Append(HERE, name, 7, b"") for name in names])
    every = [one for name in names for one in await store.read(HERE, name, since=7)]
    wanted = sorted(every, key=lambda one: (one.time, one.offset, one.log), reverse=backwards)
    for limit in range(1, 10):
        assert await store.read(HERE, names, since=7, limit=limit, backwards=backwards) == wanted[:limit]
