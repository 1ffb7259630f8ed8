"""Does a backend keep every promise of `nightbus.store.interface`?"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable

import pytest

from blob_files import read_blob
from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.store.interface import (
    SYSTEM,
    Acknowledge,
    Append,
    Change,
    Conflict,
    DeleteRecord,
    Enqueue,
    EnqueueMany,
    Entry,
    Item,
    KeepBlob,
    LogName,
    PutRecord,
    QueueName,
    RecordName,
    ReleaseBlob,
    RequireRecord,
    StaleLease,
    Store,
    Touched,
    TrimLog,
    TrimQueue,
)

HERE = Scope("111111111111", "eu-west-1")
THERE = Scope("111111111111", "us-east-1")

Opened = Callable[..., Store]


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


class TestQueues:
    async def test_due_items_are_leased_once_in_the_order_of_their_time(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        now = clock.now_ms()
        dues = [now, now - 5, now + 1, now - 9]
        await timed.commit(*[Enqueue(HERE, "q", str(due - now).encode(), due) for due in dues])
        got = await timed.lease(HERE, "q", 10, 1000)
        assert [(one.data, one.attempt) for one in got] == [(b"-9", 1), (b"-5", 1), (b"0", 1)]
        assert await timed.lease(HERE, "q", 10, 1000) == []

    async def test_many_items_are_put_as_so_many_single_ones(self, timed: Store, clock: VirtualClock) -> None:
        now = clock.now_ms()
        await timed.commit(Enqueue(HERE, "q", b"0", now))
        assert [item.data for item in await timed.lease(HERE, "q", 1, 1000)] == [b"0"]
        await timed.commit(EnqueueMany(HERE, "q", [b"1", b"2"], now), Enqueue(HERE, "q", b"3", now))
        await timed.commit(EnqueueMany(HERE, "q", [], now), EnqueueMany(HERE, "q", [b"later"], now + 1000))
        found = await timed.lease(HERE, "q", 10, 1000)
        assert [item.data for item in found] == [b"1", b"2", b"3"]
        await timed.commit(found[1].acknowledge())
        await clock.advance(1.0)
        found = await timed.lease(HERE, "q", 10, 1000)
        assert sorted(item.data for item in found) == [b"0", b"1", b"3", b"later"]

    async def test_limit_and_names_keep_items_apart(self, store: Store) -> None:
        await store.commit(
            *[Enqueue(HERE, "q", bytes([n]), 0) for n in range(3)], Enqueue(THERE, "q", b"t", 0)
        )
        first = await store.lease(HERE, "q", 2, 60_000)
        second = await store.lease(HERE, "q", 2, 60_000)
        assert [one.data for one in first + second] == [b"\0", b"\1", b"\2"]
        assert [one.data for one in await store.lease(THERE, "q", 2, 60_000)] == [b"t"]
        assert await store.lease(HERE, "none", 1, 1) == []

    async def test_ids_are_unique_over_all_queues_and_never_used_twice(self, opened: Opened) -> None:
        store = opened()
        await store.commit(Enqueue(HERE, "q", b"", 0), Enqueue(HERE, "r", b"", 0))
        items = [one for queue in "qr" for one in await store.lease(HERE, queue, 9, 60_000)]
        await store.commit(*[item.acknowledge() for item in items])
        await store.close()
        again = opened()
        await again.commit(Enqueue(HERE, "q", b"", 0))
        (item,) = await again.lease(HERE, "q", 9, 60_000)
        assert len({one.id for one in (*items, item)}) == 3

    async def test_an_acknowledged_item_is_gone(self, timed: Store, clock: VirtualClock) -> None:
        await timed.commit(Enqueue(HERE, "q", b"", 0))
        (item,) = await timed.lease(HERE, "q", 1, 10)
        await timed.commit(item.acknowledge(), item.acknowledge())
        await clock.advance(60)
        assert await timed.lease(HERE, "q", 1, 10) == []

    async def test_a_lease_that_ends_offers_the_item_again(self, timed: Store, clock: VirtualClock) -> None:
        await timed.commit(Enqueue(HERE, "q", b"x", 0))
        (first,) = await timed.lease(HERE, "q", 1, 2000)
        await clock.advance(1.9)
        assert await timed.lease(HERE, "q", 1, 2000) == []
        await clock.advance(0.2)
        (second,) = await timed.lease(HERE, "q", 1, 2000)
        assert (second.id, second.data, second.attempt) == (first.id, b"x", 2)

    async def test_given_back_it_comes_at_its_new_time_with_its_new_data(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        await timed.commit(Enqueue(HERE, "q", b"old", 0))
        (item,) = await timed.lease(HERE, "q", 1, 60_000)
        due = clock.now_ms() + 5000
        await timed.commit(item.give_back(due, b"new"))
        assert await timed.lease(HERE, "q", 1, 60_000) == []
        await clock.advance(5)
        (again,) = await timed.lease(HERE, "q", 1, 60_000)
        assert again == Item(item.id, b"new", due, 2, item.queue, again.token)
        await timed.commit(again.give_back(0))
        (third,) = await timed.lease(HERE, "q", 1, 60_000)
        assert third == Item(item.id, b"new", 0, 3, item.queue, third.token)

    async def test_waiting_ends_when_something_is_put_in(self, store: Store) -> None:
        waiting = asyncio.ensure_future(store.lease(HERE, "q", 1, 1000, wait=30))
        await ticks()
        await store.commit(Enqueue(HERE, "q", b"x", 0))
        async with asyncio.timeout(5):
            assert [one.data for one in await waiting] == [b"x"]

    async def test_waiting_ends_when_something_becomes_due(self, timed: Store, clock: VirtualClock) -> None:
        await timed.commit(Enqueue(HERE, "q", b"x", clock.now_ms() + 3000))
        waiting = asyncio.ensure_future(timed.lease(HERE, "q", 1, 1000, wait=30))
        await ticks()
        await clock.advance(2.9)
        assert not waiting.done()
        await clock.advance(0.1)
        assert [one.data for one in await waiting] == [b"x"]
        assert clock.monotonic() == pytest.approx(3)

    async def test_waiting_ends_when_a_lease_does_or_an_item_comes_back(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        await timed.commit(Enqueue(HERE, "q", b"x", 0))
        (item,) = await timed.lease(HERE, "q", 1, 4000)
        waiting = asyncio.ensure_future(timed.lease(HERE, "q", 1, 4000, wait=30))
        await ticks()
        await clock.advance(4)
        (again,) = await waiting
        assert (again.id, again.attempt) == (item.id, 2)
        waiting = asyncio.ensure_future(timed.lease(HERE, "q", 1, 4000, wait=30))
        await ticks()
        await timed.commit(again.give_back(0))
        async with asyncio.timeout(5):
            assert [one.attempt for one in await waiting] == [3]

    async def test_waiting_for_nothing_ends_in_time(self, timed: Store, clock: VirtualClock) -> None:
        waiting = asyncio.ensure_future(timed.lease(HERE, "q", 1, 1000, wait=2))
        await ticks()
        await clock.advance(2)
        assert await waiting == []

    async def test_no_item_goes_to_two(self, store: Store) -> None:
        async def worker() -> list[int]:
            got: list[int] = []
            while found := await store.lease(HERE, "q", 3, 60_000):
                got += [one.id for one in found]
                await store.commit(*[one.acknowledge() for one in found])
            return got

        await store.commit(*[Enqueue(HERE, "q", b"", 0) for _ in range(200)])
        taken = [item for got in await asyncio.gather(*[worker() for _ in range(8)]) for item in got]
        assert len(taken) == len(set(taken)) == 200

    async def test_after_a_restart_what_was_leased_is_offered_again(self, opened: Opened) -> None:
        store = opened()
        await store.commit(Enqueue(HERE, "q", b"x", 0))
        (first,) = await store.lease(HERE, "q", 1, 3_600_000)
        await store.close()
        (again,) = await opened().lease(HERE, "q", 1, 1000)
        assert (again.id, again.data) == (first.id, b"x")


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
        store = opened()
        blob = await store.put_blob(b"x")
        await store.commit(*[KeepBlob(blob.digest, owner) for owner in ("a", "b", "b")])
        await store.commit(ReleaseBlob(blob.digest, "a"), ReleaseBlob(blob.digest, "nobody"))
        await store.close()
        store = opened()
        assert await read_blob(store, blob.digest) == b"x"
        await store.commit(ReleaseBlob(blob.digest, "b"))
        await store.close()
        with pytest.raises(KeyError):
            await opened().open_blob(blob.digest)

    async def test_a_new_owner_in_the_same_commit_saves_it(self, opened: Opened) -> None:
        store = opened()
        blob = await store.put_blob(b"x")
        await store.commit(KeepBlob(blob.digest, "a"))
        await store.commit(ReleaseBlob(blob.digest, "a"), KeepBlob(blob.digest, "b"))
        await store.close()
        assert await read_blob(opened(), blob.digest) == b"x"

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
        store = opened()
        await store.commit(
            PutRecord(HERE, "k", "a", {"v": 1}),
            Append(HERE, "l", 1, b"x", "key"),
            Enqueue(HERE, "q", b"y", 7),
        )
        record, entries = await store.get(HERE, "k", "a"), await store.read(HERE, "l")
        await store.close()
        store = opened()
        assert await store.get(HERE, "k", "a") == record
        assert await store.read(HERE, "l") == entries
        assert [(one.data, one.due) for one in await store.lease(HERE, "q", 1, 1000)] == [(b"y", 7)]

    async def test_what_was_submitted_before_closing_is_written(self, opened: Opened) -> None:
        store = opened()
        commits = [asyncio.ensure_future(store.commit(Append(HERE, "l", n, b""))) for n in range(50)]
        await asyncio.sleep(0)
        await store.close()
        await asyncio.gather(*commits)
        assert len(await opened().read(HERE, "l")) == 50

    async def test_closing_wakes_who_waits_and_happens_once(self, store: Store) -> None:
        waiting = asyncio.ensure_future(store.lease(HERE, "q", 1, 1000, wait=3600))
        await ticks()
        await store.close()
        await store.close()
        async with asyncio.timeout(5):
            assert await waiting == []

    async def test_a_caller_that_gives_up_does_not_undo_its_commit(self, opened: Opened) -> None:
        store = opened()
        commit = asyncio.ensure_future(store.commit(Append(HERE, "l", 1, b"")))
        await asyncio.sleep(0)
        commit.cancel()
        await asyncio.gather(commit, return_exceptions=True)
        await store.commit(Append(HERE, "l", 2, b""))
        assert [one.time for one in await store.read(HERE, "l")] == [1, 2]

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


class TestWatch:
    """Listeners learn what commits touched, in the order of the commits, before their callers go on."""

    async def test_the_records_of_a_kind_in_the_order_of_their_commits(self, store: Store) -> None:
        told: list[Touched | None] = []
        store.watch(told.append, ["rule"])
        await asyncio.gather(
            *(store.commit(PutRecord(HERE, kind, str(n), {})) for n in range(20) for kind in ("rule", "bus"))
        )
        await store.commit(DeleteRecord(HERE, "rule", "0"))
        expected = [RecordName(HERE, "rule", str(n)) for n in [*range(20), 0]]
        assert [record for one in told if one for record in one.records] == expected

    async def test_whoever_was_answered_was_heard_of_before(self, store: Store) -> None:
        told: list[RecordName] = []
        store.watch(lambda touched: told.extend(touched.records if touched else ()), ["k"])
        for n in range(50):
            await store.commit(PutRecord(HERE, "k", str(n), {}))
            assert told[-1].key == str(n)

    async def test_a_listener_finds_the_change(self, opened: Opened) -> None:
        store, found = opened(), []

        def look(touched: Touched | None) -> None:
            assert touched is not None
            found.append(asyncio.ensure_future(store.get(*touched.records[0])))

        store.watch(look, ["k"])
        await store.commit(PutRecord(HERE, "k", "a", {"n": 1}))
        (record,) = [await one for one in found]
        assert record is not None
        assert record.value == {"n": 1}

    async def test_queues_and_logs_for_who_wants_them(self, store: Store) -> None:
        told: list[Touched | None] = []
        store.watch(told.append, queues=True, logs=True)
        queue, log = QueueName(HERE, "q"), LogName(HERE, "l")
        await store.commit(PutRecord(HERE, "k", "a", {}))
        await store.commit(Enqueue(HERE, "q", b"", 0), Enqueue(HERE, "q", b"", 0), Append(HERE, "l", 1, b""))
        (item, other) = await store.lease(HERE, "q", 2, 60_000)
        await store.commit(item.acknowledge())
        await store.commit(other.give_back(0), TrimLog(HERE, "l"))
        assert told == [Touched((), (queue,), (log,)), Touched((), (queue,)), Touched((), (queue,), (log,))]

    async def test_not_of_a_commit_that_came_to_nothing(self, store: Store) -> None:
        told: list[Touched | None] = []
        store.watch(told.append, ["k"])
        with pytest.raises(Conflict):
            await store.commit(PutRecord(HERE, "k", "a", {}), RequireRecord(HERE, "k", "b", 1))
        assert told == []

    async def test_not_after_its_end_and_not_for_other_listeners(self, store: Store) -> None:
        first: list[Touched | None] = []
        second: list[Touched | None] = []
        end = store.watch(first.append, ["k"])
        store.watch(second.append, ["k", "other"])
        await store.commit(PutRecord(HERE, "k", "a", {}), PutRecord(HERE, "other", "b", {}))
        end()
        end()
        await store.commit(PutRecord(HERE, "k", "c", {}))
        assert [one.records for one in first if one] == [(RecordName(HERE, "k", "a"),)]
        assert [len(one.records) for one in second if one] == [2, 1]

    async def test_a_listener_that_fails_harms_nobody(self, store: Store) -> None:
        told: list[Touched | None] = []

        def fail(touched: Touched | None) -> None:
            raise RuntimeError

        store.watch(fail, ["k"])
        store.watch(told.append, ["k"])
        await store.commit(PutRecord(HERE, "k", "a", {}))
        assert len(told) == 1

    async def test_also_of_a_commit_whose_caller_is_gone(self, store: Store) -> None:
        told = asyncio.Event()
        store.watch(lambda touched: told.set(), ["k"])
        caller = asyncio.ensure_future(store.commit(PutRecord(HERE, "k", "a", {})))
        await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait_for(told.wait(), 10)


class TestTokens:
    """What settles an item names its lease; the token is stale once somebody else has the item."""

    @pytest.mark.parametrize("settle", [Item.acknowledge, lambda item: item.give_back(0)])
    async def test_who_comes_too_late_settles_nothing(
        self, timed: Store, clock: VirtualClock, settle: Callable[[Item], Change]
    ) -> None:
        await timed.commit(Enqueue(HERE, "q", b"", 0))
        (slow,) = await timed.lease(HERE, "q", 1, 1_000)
        await clock.advance(2)
        (quick,) = await timed.lease(HERE, "q", 1, 60_000)
        assert quick.token != slow.token
        with pytest.raises(StaleLease):
            await timed.commit(settle(slow), PutRecord(HERE, "k", "a", {}))
        assert await timed.get(HERE, "k", "a") is None
        assert not await timed.change_lease(HERE, "q", slow.id, clock.now_ms(), slow.token)
        assert await timed.held(HERE, "q", slow.id) == quick.token
        await timed.commit(quick.acknowledge(), PutRecord(HERE, "k", "a", {}))
        with pytest.raises(StaleLease):
            await timed.commit(quick.acknowledge())

    async def test_a_lease_that_ended_stands_until_there_is_another(
        self, timed: Store, clock: VirtualClock
    ) -> None:
        await timed.commit(Enqueue(HERE, "q", b"", 0))
        (item,) = await timed.lease(HERE, "q", 1, 1_000)
        await clock.advance(2)
        await timed.commit(item.acknowledge())
        assert await timed.lease(HERE, "q", 1, 1_000) == []

    async def test_without_a_token_whoever_has_it(self, timed: Store, clock: VirtualClock) -> None:
        await timed.commit(Enqueue(HERE, "q", b"", 0))
        await timed.lease(HERE, "q", 1, 1_000)
        await clock.advance(2)
        (item,) = await timed.lease(HERE, "q", 1, 60_000)
        await timed.commit(Acknowledge(HERE, "q", item.id))
        assert (await timed.count(HERE, "q")) == (0, 0, 0)

    async def test_no_two_leases_have_one_token_not_even_over_a_restart(self, opened: Opened) -> None:
        store = opened()
        await store.commit(Enqueue(HERE, "q", b"", 0))
        (before,) = await store.lease(HERE, "q", 1, 3_600_000)
        await store.close()
        store = opened()
        with pytest.raises(StaleLease):
            await store.commit(before.acknowledge())
        (after,) = await store.lease(HERE, "q", 1, 3_600_000)
        assert after.token != before.token

    async def test_of_a_queue_that_is_gone(self, store: Store) -> None:
        await store.commit(Enqueue(HERE, "q", b"", 0))
        (item,) = await store.lease(HERE, "q", 1, 60_000)
        await store.commit(TrimQueue(HERE, "q"))
        with pytest.raises(StaleLease):
            await store.commit(item.acknowledge())
