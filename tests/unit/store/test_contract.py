"""Does a backend keep every promise of `nightbus.store.interface`?"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from blob_files import read_blob
from nightbus.aws.calls import Scope
from nightbus.store.interface import (
    SYSTEM,
    Append,
    Conflict,
    DeleteRecord,
    Enqueue,
    Entry,
    KeepBlob,
    PutRecord,
    ReleaseBlob,
    Store,
    TrimLog,
)

HERE = Scope("111111111111", "eu-west-1")
THERE = Scope("111111111111", "us-east-1")

Opened = Callable[..., Awaitable[Store]]


async def ticks() -> None:
    """Let what was started come to where it waits."""
    for _ in range(10):
        await asyncio.sleep(0)


class TestRecords:
    async def test_what_was_put_is_read_at_revision_one_and_counts_on(self, store: Store) -> None:
        await store.commit(PutRecord(HERE, "k", "a", {"n": [1, {"x": None}], "text": "ü"}))
        first = await store.get(HERE, "k", "a")
        assert first is not None
        assert (first.value, first.revision) == ({"n": [1, {"x": None}], "text": "ü"}, 1)
        await store.commit(PutRecord(HERE, "k", "a", {"n": 2}))
        second = await store.get(HERE, "k", "a")
        assert second is not None
        assert (second.key, second.value, second.revision) == ("a", {"n": 2}, 2)

    async def test_scope_and_kind_keep_records_apart(self, store: Store) -> None:
        await store.commit(PutRecord(HERE, "k", "a", {}))
        assert await store.get(THERE, "k", "a") is None
        assert await store.get(HERE, "other", "a") is None

    async def test_a_value_belongs_to_its_reader(self, store: Store) -> None:
        given = {"list": [1]}
        await store.commit(PutRecord(HERE, "k", "a", given))
        given["list"].append(2)
        read = await store.get(HERE, "k", "a")
        assert read is not None
        read.value["list"].append(3)
        again = await store.get(HERE, "k", "a")
        assert again is not None
        assert again.value == {"list": [1]}

    @pytest.mark.parametrize("expect", [0, 2, 7])
    async def test_another_revision_than_expected_conflicts(self, store: Store, expect: int) -> None:
        await store.commit(PutRecord(HERE, "k", "a", {"v": 1}))
        with pytest.raises(Conflict) as put:
            await store.commit(PutRecord(HERE, "k", "a", {"v": 2}, expect))
        assert (put.value.kind, put.value.key) == ("k", "a")
        with pytest.raises(Conflict):
            await store.commit(DeleteRecord(HERE, "k", "a", expect))
        kept = await store.get(HERE, "k", "a")
        assert kept is not None
        assert kept.value == {"v": 1}

    async def test_the_expected_revision_goes_through(self, store: Store) -> None:
        await store.commit(PutRecord(HERE, "k", "a", {}, 0))
        await store.commit(PutRecord(HERE, "k", "a", {}, 1))
        await store.commit(DeleteRecord(HERE, "k", "a", 2))
        assert await store.get(HERE, "k", "a") is None
        await store.commit(DeleteRecord(HERE, "k", "a"), DeleteRecord(HERE, "k", "a", 0))

    async def test_a_conflict_undoes_the_whole_commit(self, store: Store) -> None:
        with pytest.raises(Conflict):
            await store.commit(
                PutRecord(HERE, "k", "a", {}),
                Append(HERE, "log", 1, b"x"),
                Enqueue(HERE, "q", b"x", 0),
                PutRecord(HERE, "k", "b", {}, 5),
            )
        assert await store.list(HERE, "k") == []
        assert await store.logs(HERE) == []
        assert await store.lease(HERE, "q", 1, 1000) == []

    async def test_changes_apply_in_their_order(self, store: Store) -> None:
        await store.commit(
            PutRecord(HERE, "k", "a", {"v": 1}, 0),
            PutRecord(HERE, "k", "a", {"v": 2}, 1),
            DeleteRecord(HERE, "k", "a", 2),
            PutRecord(HERE, "k", "a", {"v": 3}, 0),
        )
        record = await store.get(HERE, "k", "a")
        assert record is not None
        assert (record.value, record.revision) == ({"v": 3}, 1)

    async def test_what_is_no_json_is_refused_and_nothing_is_written(self, store: Store) -> None:
        with pytest.raises(TypeError):
            await store.commit(PutRecord(HERE, "k", "b", {}), PutRecord(HERE, "k", "a", {"v": object()}))
        assert await store.list(HERE, "k") == []
        await store.commit(PutRecord(HERE, "k", "a", {}))

    async def test_listing_is_in_the_order_of_utf8_bytes(self, store: Store) -> None:
        keys = ["a", "ab", "b", "Z", "ä", "\U0001f600", "\uffff", "a/b", "a%", "a_"]
        await store.commit(*[PutRecord(HERE, "k", key, {}) for key in keys])
        assert [one.key for one in await store.list(HERE, "k")] == sorted(keys, key=str.encode)

    @pytest.mark.parametrize("prefix", ["a", "a%", "a/", "\uffff", "\U0010ffff", "ä", "nothing"])
    async def test_a_prefix_selects_exactly_what_begins_with_it(self, store: Store, prefix: str) -> None:
        keys = ["a", "a%b", "a/b", "aa", "b", "\uffffx", "\U0010ffff", "\U0010ffffx", "äb", "å"]
        await store.commit(*[PutRecord(HERE, "k", key, {}) for key in keys])
        wanted = sorted((key for key in keys if key.startswith(prefix)), key=str.encode)
        assert [one.key for one in await store.list(HERE, "k", prefix)] == wanted

    async def test_listing_goes_on_after_a_key(self, store: Store) -> None:
        await store.commit(
            *[PutRecord(HERE, "k", f"x/{n}", {}) for n in range(5)], PutRecord(HERE, "k", "y", {})
        )
        first = await store.list(HERE, "k", "x/", limit=2)
        rest = await store.list(HERE, "k", "x/", after=first[-1].key)
        assert [one.key for one in first + rest] == [f"x/{n}" for n in range(5)]
        assert await store.list(HERE, "k", limit=0) == []

    async def test_records_are_counted_by_scope_and_kind(self, store: Store) -> None:
        await store.commit(PutRecord(HERE, "k", "a", {}), PutRecord(HERE, "k", "b", {}))
        await store.commit(PutRecord(THERE, "k", "a", {}), PutRecord(HERE, "kk", "a", {}))
        await store.commit(DeleteRecord(HERE, "k", "b"))
        counts = [await store.count_records(scope, kind) for scope in (HERE, THERE) for kind in ("k", "kk")]
        assert counts == [1, 1, 1, 0]

    async def test_scopes_are_those_that_hold_the_kind(self, store: Store) -> None:
        nowhere = Scope("222222222222", "")
        for scope in (HERE, THERE, nowhere):
            await store.commit(PutRecord(scope, "k", "a", {}), PutRecord(scope, "k", "b", {}))
        await store.commit(PutRecord(SYSTEM, "other", "a", {}), DeleteRecord(THERE, "k", "a"))
        assert set(await store.scopes("k")) == {HERE, THERE, nowhere}
        assert await store.scopes("other") == [SYSTEM]
        assert await store.scopes("none") == []


class TestLogs:
    async def test_entries_come_in_the_order_of_their_offsets(self, store: Store) -> None:
        await store.commit(Append(HERE, "l", 50, b"a"), Append(HERE, "l", 10, b"b", "key"))
        await store.commit(Append(HERE, "l", 30, b"c"))
        found = await store.read(HERE, "l")
        assert [(one.log, one.data, one.time, one.key) for one in found] == [
            ("l", b"a", 50, ""),
            ("l", b"b", 10, "key"),
            ("l", b"c", 30, ""),
        ]
        offsets = [one.offset for one in found]
        assert offsets == sorted(set(offsets))
        assert offsets[0] > 0

    async def test_reading_goes_on_after_an_offset_both_ways(self, store: Store) -> None:
        await store.commit(*[Append(HERE, "l", n, bytes([n])) for n in range(10)])
        everything = await store.read(HERE, "l")
        assert await store.read(HERE, "l", after=everything[3].offset, limit=2) == everything[4:6]
        assert await store.read(HERE, "l", backwards=True, limit=3) == everything[:-4:-1]
        before = await store.read(HERE, "l", after=everything[3].offset, backwards=True)
        assert before == everything[2::-1]

    @pytest.mark.parametrize("backwards", [False, True])
    async def test_times_and_keys_select(self, store: Store, backwards: bool) -> None:
        await store.commit(*[Append(HERE, "l", n % 7, bytes([n]), f"k{n % 3}") for n in range(30)])
        everything = await store.read(HERE, "l", backwards=backwards)
        assert len(everything) == 30

        def wanted(one: Entry) -> bool:
            return 2 <= one.time < 5

        assert await store.read(HERE, "l", since=2, until=5, backwards=backwards) == list(
            filter(wanted, everything)
        )
        assert await store.read(HERE, "l", since=2, until=5, key="k1", backwards=backwards) == [
            one for one in everything if wanted(one) and one.key == "k1"
        ]
        middle = everything[10].offset
        assert (
            await store.read(HERE, "l", after=middle, since=2, until=5, limit=3, backwards=backwards)
            == [one for one in everything[11:] if wanted(one)][:3]
        )

    @pytest.mark.parametrize("backwards", [False, True])
    async def test_several_logs_are_merged_by_time(self, store: Store, backwards: bool) -> None:
        for n in range(30):
            await store.commit(Append(HERE, f"l{n % 3}", n * 7 % 11, bytes([n])))
        logs = ["l0", "l2", "none", "l0"]
        each = [one for log in ("l0", "l2") for one in await store.read(HERE, log)]
        wanted = sorted(each, key=lambda one: (one.time, one.offset), reverse=backwards)
        assert await store.read(HERE, logs, backwards=backwards) == wanted
        assert await store.read(HERE, logs, backwards=backwards, limit=4) == wanted[:4]
        assert await store.read(HERE, logs, since=3, until=8, backwards=backwards) == [
            one for one in wanted if 3 <= one.time < 8
        ]
        assert await store.read(HERE, []) == []

    async def test_one_log_in_a_list_is_ordered_by_time(self, store: Store) -> None:
        await store.commit(Append(HERE, "l", 2, b"late"), Append(HERE, "l", 1, b"early"))
        assert [one.data for one in await store.read(HERE, ["l"])] == [b"early", b"late"]

    async def test_trimming_drops_what_is_older_and_no_offset_comes_again(self, store: Store) -> None:
        await store.commit(*[Append(HERE, "l", n, b"") for n in (1, 5, 3)], Append(HERE, "other", 1, b""))
        last = (await store.read(HERE, "l"))[-1].offset
        await store.commit(TrimLog(HERE, "l", 3))
        assert [one.time for one in await store.read(HERE, "l")] == [5, 3]
        await store.commit(TrimLog(HERE, "l"))
        assert await store.read(HERE, "l") == []
        assert await store.logs(HERE) == ["other"]
        await store.commit(Append(HERE, "l", 9, b""))
        assert (await store.read(HERE, "l"))[0].offset > last

    async def test_logs_are_named_by_prefix_and_scope(self, store: Store) -> None:
        for name in ("g/b", "g/a", "h/a", "g%"):
            await store.commit(Append(HERE, name, 1, b""))
        assert await store.logs(HERE, "g/") == ["g/a", "g/b"]
        assert await store.logs(HERE) == ["g%", "g/a", "g/b", "h/a"]
        assert await store.logs(THERE) == []

    async def test_a_log_that_is_not_there_is_empty(self, store: Store) -> None:
        assert await store.read(HERE, "none") == []
        await store.commit(TrimLog(HERE, "none"))


class TestBlobs:
    async def test_bytes_are_found_by_their_hash(self, store: Store) -> None:
        blob = await store.put_blob(b"hello")
        assert (blob.digest, blob.size, blob.md5) == (
            hashlib.sha256(b"hello").hexdigest(),
            5,
            hashlib.md5(b"hello").hexdigest(),
        )
        assert await read_blob(store, blob.digest) == b"hello"

    async def test_a_stream_is_kept_like_bytes(self, store: Store) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"0123456789" * 1000

        blob = await store.put_blob(chunks())
        assert blob == await store.put_blob(b"0123456789" * 100_000)
        assert len(await read_blob(store, blob.digest)) == blob.size == 1_000_000

    async def test_a_stream_that_breaks_leaves_nothing(self, store: Store) -> None:
        async def broken() -> AsyncIterator[bytes]:
            yield b"half"
            raise ConnectionResetError("gone")

        with pytest.raises(ConnectionResetError):
            await store.put_blob(broken())
        with pytest.raises(KeyError):
            await store.open_blob(hashlib.sha256(b"half").hexdigest())

    async def test_it_stays_until_the_last_owner_lets_go(self, opened: Opened) -> None:
        store = await opened()
        blob = await store.put_blob(b"x")
        await store.commit(*[KeepBlob(blob.digest, owner) for owner in ("a", "b", "b")])
        await store.commit(ReleaseBlob(blob.digest, "a"), ReleaseBlob(blob.digest, "nobody"))
        await store.close()
        store = await opened()
        assert await read_blob(store, blob.digest) == b"x"
        await store.commit(ReleaseBlob(blob.digest, "b"))
        await store.close()
        with pytest.raises(KeyError):
            await (await opened()).open_blob(blob.digest)

    async def test_a_new_owner_in_the_same_commit_saves_it(self, opened: Opened) -> None:
        store = await opened()
        blob = await store.put_blob(b"x")
        await store.commit(KeepBlob(blob.digest, "a"))
        await store.commit(ReleaseBlob(blob.digest, "a"), KeepBlob(blob.digest, "b"))
        await store.close()
        assert await read_blob(await opened(), blob.digest) == b"x"

    async def test_what_another_releases_meanwhile_is_not_lost(self, store: Store) -> None:
        for n in range(30):
            blob = await store.put_blob(b"same")
            await store.commit(KeepBlob(blob.digest, f"owner {n}"))
            again, _ = await asyncio.gather(
                store.put_blob(b"same"), store.commit(ReleaseBlob(blob.digest, f"owner {n}"))
            )
            await store.commit(KeepBlob(again.digest, f"next {n}"))
            assert await read_blob(store, again.digest) == b"same"
            await store.commit(ReleaseBlob(again.digest, f"next {n}"))

    async def test_two_writers_of_the_same_bytes_do_not_take_them_from_each_other(self, store: Store) -> None:
        first = await store.put_blob(b"same")
        second = await store.put_blob(b"same")
        await store.commit(KeepBlob(first.digest, "first"))
        await store.commit(ReleaseBlob(first.digest, "first"))
        await store.commit(KeepBlob(second.digest, "second"))
        assert await read_blob(store, second.digest) == b"same"

    async def test_an_open_file_stays_readable_when_the_blob_goes(self, store: Store) -> None:
        blob = await store.put_blob(b"0123456789")
        await store.commit(KeepBlob(blob.digest, "a"))
        with await store.open_blob(blob.digest) as file:
            await store.commit(ReleaseBlob(blob.digest, "a"))
            assert file.seek(5) == 5
            assert file.read() == b"56789"

    async def test_bytes_that_are_not_there_cannot_be_kept(self, store: Store) -> None:
        with pytest.raises(KeyError):
            await store.commit(PutRecord(HERE, "k", "a", {}), KeepBlob("0" * 64, "owner"))
        assert await store.get(HERE, "k", "a") is None


class TestCommits:
    async def test_everything_is_there_after_a_restart(self, opened: Opened) -> None:
        store = await opened()
        await store.commit(
            PutRecord(HERE, "k", "a", {"v": 1}),
            Append(HERE, "l", 1, b"x", "key"),
            Enqueue(HERE, "q", b"y", 7),
        )
        record, entries = await store.get(HERE, "k", "a"), await store.read(HERE, "l")
        await store.close()
        store = await opened()
        assert await store.get(HERE, "k", "a") == record
        assert await store.read(HERE, "l") == entries
        assert [(one.data, one.due) for one in await store.lease(HERE, "q", 1, 1000)] == [(b"y", 7)]

    async def test_what_was_submitted_before_closing_is_written(self, opened: Opened) -> None:
        store = await opened()
        commits = [asyncio.ensure_future(store.commit(Append(HERE, "l", n, b""))) for n in range(50)]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*commits)
        assert len(await (await opened()).read(HERE, "l")) == 50

    async def test_closing_wakes_who_waits_and_happens_once(self, store: Store) -> None:
        waiting = asyncio.ensure_future(store.lease(HERE, "q", 1, 1000, wait=3600))
        await ticks()
        await store.close()
        await store.close()
        async with asyncio.timeout(20):
            assert await waiting == []

    async def test_a_caller_that_gives_up_does_not_undo_its_commit(self, opened: Opened) -> None:
        store = await opened()
        commit = asyncio.ensure_future(store.commit(Append(HERE, "l", 1, b"")))
        await asyncio.sleep(0)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        await store.commit(Append(HERE, "l", 2, b""))
        async with asyncio.timeout(20):  # of two commits that nobody was answered the second may be the first
            while {one.time for one in await store.read(HERE, "l")} != {1, 2}:
                await asyncio.sleep(0.001)

    async def test_of_many_at_once_only_the_conflicting_ones_fail(self, store: Store) -> None:
        await store.commit(PutRecord(HERE, "k", "n", {"v": 0}))

        async def increment() -> int:
            tries = 0
            while True:
                tries += 1
                record = await store.get(HERE, "k", "n")
                assert record is not None
                raised = {"v": record.value["v"] + 1}
                try:
                    await store.commit(
                        PutRecord(HERE, "k", "n", raised, record.revision), Append(HERE, "l", 1, b"")
                    )
                except Conflict:
                    continue
                return tries

        tries = await asyncio.gather(*[increment() for _ in range(20)])
        record = await store.get(HERE, "k", "n")
        assert record is not None
        assert (record.value["v"], record.revision) == (20, 21)
        assert len(await store.read(HERE, "l")) == 20
        assert max(tries) > 1

    async def test_an_empty_commit_is_nothing(self, store: Store) -> None:
        await store.commit()
