"""Does a backend refuse an entry that is not the first under its key, or not the newest of its log?"""

from __future__ import annotations

import asyncio

import pytest

from nightbus.aws.calls import Scope
from nightbus.store.interface import (
    FIRST_CHOSEN_OFFSET,
    Append,
    AppendOnce,
    Change,
    Conflict,
    Ended,
    Enqueue,
    EntryRefused,
    PutRecord,
    RequireRecord,
    Store,
    TrimLog,
)

HERE = Scope("111111111111", "eu-west-1")
THERE = Scope("111111111111", "us-east-1")


def once(key: str, at: int, time: int = 1_000, since: int = 0, log: str = "l") -> AppendOnce:
    return AppendOnce(HERE, log, time, f"{key} {at}".encode(), key, FIRST_CHOSEN_OFFSET + at, since)


async def texts(store: Store, log: str = "l") -> list[str]:
    return [entry.data.decode() for entry in await store.read(HERE, log)]


async def test_the_entry_has_the_chosen_offset(store: Store) -> None:
    await store.commit(once("a", 5), once("b", 7), Append(HERE, "other", 1, b""))
    found = await store.read(HERE, "l")
    assert [(one.offset, one.time) for one in found] == [
        (FIRST_CHOSEN_OFFSET + 5, 1_000),
        (FIRST_CHOSEN_OFFSET + 7, 1_000),
    ]
    assert await store.read(HERE, "l", after=found[0].offset) == found[1:]
    (other,) = await store.read(HERE, "other")
    assert other.offset < FIRST_CHOSEN_OFFSET


@pytest.mark.parametrize("at", [4, 5])
async def test_what_is_not_the_newest_is_refused(store: Store, at: int) -> None:
    await store.commit(once("a", 5))
    with pytest.raises(EntryRefused) as refused:
        await store.commit(Enqueue(HERE, "q", b"", 0), once("b", at))
    assert (refused.value.newest, refused.value.entry) == (FIRST_CHOSEN_OFFSET + 5, None)
    with pytest.raises(Conflict):
        await store.commit(PutRecord(HERE, "k", "a", {}), once("b", at))
    assert await texts(store) == ["a 5"]
    assert await store.lease(HERE, "q", 1, 1_000) == []
    assert await store.get(HERE, "k", "a") is None
    await store.commit(once("b", 6))
    assert await texts(store) == ["a 5", "b 6"]


async def test_a_key_comes_once_in_its_period(store: Store) -> None:
    await store.commit(once("a", 1, time=1_000))
    with pytest.raises(EntryRefused) as refused:
        await store.commit(once("b", 2, 1_500), once("a", 3, time=1_999, since=999))
    (standing,) = await store.read(HERE, "l")
    assert (refused.value.log, refused.value.entry) == ("l", standing)
    await store.commit(once("a", 4, time=2_000, since=1_000), once("b", 5, 1_500))
    assert await texts(store) == ["a 1", "a 4", "b 5"]


async def test_logs_and_scopes_are_apart(store: Store) -> None:
    await store.commit(once("a", 9), once("a", 1, log="m"))
    await store.commit(AppendOnce(THERE, "l", 1, b"", "a", FIRST_CHOSEN_OFFSET, 0))
    assert len(await store.read(THERE, "l")) == 1


@pytest.mark.parametrize("changes", [[once("a", 1), once("a", 2)], [once("a", 2), once("b", 1)]])
async def test_also_within_one_commit(store: Store, changes: list[Change]) -> None:
    with pytest.raises(EntryRefused):
        await store.commit(*changes)
    assert await texts(store) == []
    await store.commit(once("a", 1))


async def test_of_many_at_once_one_is_the_first(store: Store) -> None:
    await store.commit(PutRecord(HERE, "k", "a", {}))
    outcomes = await asyncio.gather(
        *(
            store.commit(
                once("same", at), once(f"own {at}", at + 1), *[RequireRecord(HERE, "k", "a", 1)][: at % 2]
            )
            for at in range(0, 80, 2)
        ),
        store.commit(Enqueue(HERE, "q", b"", 0)),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if one is not None]
    assert len(refused) == 39
    assert {type(one) for one in refused} == {EntryRefused}
    assert len(await texts(store)) == 2
    assert len(await store.lease(HERE, "q", 2, 1_000)) == 1


async def test_after_it_was_trimmed_a_key_may_come_again(store: Store) -> None:
    await store.commit(once("a", 1), once("b", 2, time=2_000))
    await store.commit(TrimLog(HERE, "l", 1_500), once("a", 3))
    with pytest.raises(EntryRefused):
        await store.commit(once("b", 4))
    await store.commit(TrimLog(HERE, "l"), once("b", 1))
    assert await texts(store) == ["b 1"]


async def test_not_to_a_log_that_has_ended(store: Store) -> None:
    await store.commit(once("a", 1), TrimLog(HERE, "l", ended=True))
    with pytest.raises(Ended):
        await store.commit(once("b", 2))
