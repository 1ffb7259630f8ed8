"""A NUL, and what a backend may write in its place, are characters like any other in names, keys, groups and owners."""

from __future__ import annotations

import pytest

from nightbus.aws.calls import Scope
from nightbus.store.interface import (
    FIRST_CHOSEN_OFFSET,
    Append,
    AppendOnce,
    Enqueue,
    EntryRefused,
    KeepBlob,
    PutRecord,
    Store,
    TrimLog,
)
from nightbus.store.postgres.texts import original, stored

HERE = Scope("111111111111", "eu-west-1")
TEXTS = ["a", "a\0", "a\0\0", "a\0\1", "a\0b", "a\1", "a\1\0", "a\1\1", "a\1\2", "a\2", "ab", "b\0"]  # sorted


async def test_names_of_logs_and_keys_of_entries(store: Store) -> None:
    for number, text in enumerate(TEXTS):
        await store.commit(Append(HERE, text, number, b"", text))
        await store.commit(Append(HERE, "one", number, b"", text), PutRecord(HERE, "k", text, {}))
    assert await store.logs(HERE, "a") == TEXTS[:-1]
    assert await store.logs(HERE, "a\0") == TEXTS[1:5]
    assert await store.logs(HERE, "a\1") == TEXTS[5:9]
    for number, text in enumerate(TEXTS):
        (entry,) = await store.read(HERE, text)
        assert (entry.log, entry.time, entry.key) == (text, number, text)
        assert [entry.time for entry in await store.read(HERE, "one", key=text)] == [number]
    merged = await store.read(HERE, TEXTS)
    assert [(entry.log, entry.key) for entry in merged] == [(text, text) for text in TEXTS]
    assert list(await store.log_sizes(HERE, "a\0", 1000)) == [0]
    await store.commit(TrimLog(HERE, "a\0"))
    assert await store.logs(HERE, "a\0") == TEXTS[2:5]


async def test_keys_that_come_once(store: Store) -> None:
    for offset, text in enumerate(TEXTS, FIRST_CHOSEN_OFFSET):
        await store.commit(AppendOnce(HERE, "log", 1, text.encode(), text, offset, 0))
    with pytest.raises(EntryRefused) as refused:
        await store.commit(AppendOnce(HERE, "log", 1, b"", "a\0", 2 * FIRST_CHOSEN_OFFSET, 0))
    assert refused.value.entry is not None
    assert refused.value.entry.data == b"a\0"


async def test_names_of_queues_and_groups(store: Store) -> None:
    for text in TEXTS:
        await store.commit(Enqueue(HERE, text, text.encode(), 0, text), Enqueue(HERE, text, b"2", 0, text))
        (item,) = await store.lease(HERE, text, 1, 60_000, by_group=True)
        assert (item.queue.queue, item.data) == (text, text.encode())
        assert [item.group for item in await store.peek(HERE, text, 9)] == [text, text]
        second = (await store.peek(HERE, text, 9))[1]
        await store.commit(item.acknowledge())
        assert await store.lease_one(HERE, text, second.id, 60_000, text) is not None


async def test_owners_of_blobs(store: Store) -> None:
    blob = await store.put_blob(b"bytes")
    await store.commit(KeepBlob(blob.digest, "a\0"), KeepBlob(blob.digest, "a\1"))


def test_what_is_written_in_their_place_sorts_alike_and_is_read_back() -> None:
    assert sorted(TEXTS, key=stored) == TEXTS
    assert [original(stored(text)) for text in TEXTS] == TEXTS
    assert not any("\0" in stored(text) for text in TEXTS)
