"""What nodes on one PostgreSQL database hear of each other's commits, also when connections and messages are lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from nightbus.aws.calls import Scope
from nightbus.store.interface import LogName, PutRecord, QueueName, Touched
from nightbus.store.postgres import feed
from nightbus.store.postgres.connections import Database
from nightbus.store.postgres.work import MOST_NUMBERS, Work
from postgres_nodes import HearingNode, hearing_nodes, new_database, until

HERE = Scope("111111111111", "eu-west-1")


@pytest.fixture(params=["notifications", "polls"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    async with new_database(polls=request.param == "polls") as made:
        yield made


@pytest.fixture
async def nodes(database: Database) -> AsyncIterator[list[HearingNode]]:
    async with hearing_nodes(database) as opened:
        yield opened


def put(number: int) -> PutRecord:
    return PutRecord(HERE, "k", str(number), {})


class Heard:
    """What a node's listener heard: the keys, and None where anything may have changed."""

    def __init__(self, node: HearingNode) -> None:
        self.keys: list[int | None] = []
        node.changes.watch(self._note, ["k"])

    def _note(self, touched: Touched | None) -> None:
        self.keys += [None] if touched is None else [int(record.key) for record in touched.records]


async def test_commits_of_both_in_one_order_at_both(nodes: list[HearingNode]) -> None:
    heard = [Heard(node) for node in nodes]

    async def write(node: HearingNode, first: int) -> None:
        for number in range(first, first + 100):
            await node.commit(put(number))

    await asyncio.gather(write(nodes[0], 0), write(nodes[1], 1000))
    for one in heard:
        await until(lambda one=one: len(one.keys) >= 200)  # type: ignore[misc]
    assert heard[0].keys == heard[1].keys
    assert len(heard[0].keys) == 200


async def test_a_commit_is_told_before_its_caller_goes_on_and_after_the_older_ones(
    nodes: list[HearingNode],
) -> None:
    heard = Heard(nodes[0])
    for number in range(0, 60, 2):
        await nodes[1].write(put(number))
        await nodes[0].commit(put(number + 1))
        assert heard.keys[-2:] == [number, number + 1]
    assert heard.keys == list(range(60))


async def test_a_commit_of_another_node_is_heard_within_50_ms(nodes: list[HearingNode]) -> None:
    heard = Heard(nodes[1])
    waits = []
    for number in range(20):
        await nodes[0].commit(put(number))
        waits.append(await until(lambda number=number: len(heard.keys) > number))  # type: ignore[misc]
    assert min(waits) < 0.05  # of a busy machine: the fastest


async def test_a_lost_connection_misses_nothing(nodes: list[HearingNode]) -> None:
    heard = Heard(nodes[1])
    for number in range(5):
        pid = await nodes[1].link_pid()
        await nodes[0].writing.execute("SELECT pg_terminate_backend($1)", pid)
        await nodes[0].commit(put(number))
        await until(lambda: None in heard.keys)  # when the new connection is there, and at the latest then
        await nodes[0].commit(put(100 + number))
        await until(lambda number=number: heard.keys[-1] == 100 + number)  # type: ignore[misc]
        assert None in nodes[1].woken
        heard.keys.clear()
        nodes[1].woken.clear()


async def test_a_lost_notification_is_made_up_for_by_a_look(
    nodes: list[HearingNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Heard(nodes[1])
    monkeypatch.setattr(nodes[0].changes, "_channel", "nobody")
    await nodes[0].commit(put(1))
    await until(lambda: heard.keys == [1], 2 * feed.LOOK_SECONDS)


async def test_where_rows_are_gone_anything_may_have_changed(nodes: list[HearingNode]) -> None:
    heard = Heard(nodes[1])
    async with nodes[0].writing.transaction():
        for _ in range(3):
            seq = await nodes[0].changes.note(nodes[0].writing, [])
        await nodes[0].writing.execute("DELETE FROM change WHERE seq < $1", seq)
    await until(lambda: heard.keys == [None])
    await nodes[0].commit(put(1))
    await until(lambda: heard.keys == [None, 1])


async def test_own_commit_after_rows_that_are_gone(nodes: list[HearingNode]) -> None:
    heard = Heard(nodes[1])
    await nodes[0].writing.execute("UPDATE feed SET seq = seq + 5")
    await nodes[1].commit(put(1))
    assert heard.keys[0] is None
    await nodes[1].commit(put(2))
    assert heard.keys[-1] == 2


async def test_numbers_that_went_back(nodes: list[HearingNode]) -> None:
    heard = Heard(nodes[1])
    for number in range(5):
        await nodes[0].commit(put(number))
    await until(lambda: len(heard.keys) == 5)
    await nodes[0].writing.execute("DELETE FROM change WHERE seq > 2")
    await nodes[0].writing.execute("UPDATE feed SET seq = 2")
    await until(lambda: heard.keys[5:] == [None])
    await nodes[0].commit(put(7))
    await until(lambda: heard.keys[5:] == [None, 7])


async def test_a_node_that_is_far_behind_reads_everything_anew(
    nodes: list[HearingNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MOST_READ", 10)
    heard = Heard(nodes[1])
    async with nodes[0].writing.transaction():
        for _ in range(30):
            await nodes[0].changes.note(nodes[0].writing, [])
    await until(lambda: heard.keys == [None])


async def test_a_transaction_that_is_rolled_back_leaves_no_gap(nodes: list[HearingNode]) -> None:
    heard = Heard(nodes[1])
    transaction = nodes[0].writing.transaction()
    await transaction.start()
    await nodes[0].changes.note(nodes[0].writing, [])
    await transaction.rollback()
    await nodes[0].commit(put(1))
    await until(lambda: heard.keys == [1])


class TestWork:
    """Queues and logs."""

    async def test_others_are_woken_for_what_was_offered(self, nodes: list[HearingNode]) -> None:
        await nodes[0].changes.committed([], None, Work(frozenset({7, 8}), frozenset({9}), frozenset({3})))
        await until(lambda: nodes[1].woken)
        assert nodes[1].woken == [{7, 8}]
        assert nodes[0].woken == []

    async def test_much_at_once_goes_in_few_messages(self, nodes: list[HearingNode]) -> None:
        for number in range(200):
            await nodes[0].changes.committed([], None, Work(frozenset({number})))
        await until(lambda: len(set().union(*(some or () for some in nodes[1].woken))) == 200)
        assert len(nodes[1].woken) < 5

    async def test_too_much_for_a_message_wakes_everybody(self, nodes: list[HearingNode]) -> None:
        await nodes[0].changes.committed([], None, Work(frozenset(range(MOST_NUMBERS + 1))))
        await until(lambda: None in nodes[1].woken)

    async def test_not_where_there_is_nobody_else(self, nodes: list[HearingNode]) -> None:
        nodes[0].changes.others_live(False)
        await nodes[0].changes.committed([], None, Work(frozenset({1})))
        nodes[0].changes.others_live(True)
        await nodes[0].changes.committed([], None, Work(frozenset({2})))
        await until(lambda: nodes[1].woken)
        assert nodes[1].woken == [{2}]

    async def test_listeners_hear_the_names(self, nodes: list[HearingNode]) -> None:
        heard: list[Touched | None] = []
        nodes[1].changes.watch(heard.append, queues=True, logs=True)
        for number, kind in ((11, "queue"), (12, "log")):
            await nodes[0].writing.execute(
                "INSERT INTO name (scope, kind, name, id) VALUES ('111111111111/eu-west-1', $1, 'n', $2)",
                kind, number,
            )  # fmt: skip
        await nodes[0].changes.committed([], None, Work(frozenset({11}), frozenset(), frozenset({12, 99})))
        await until(lambda: heard)
        assert heard == [Touched((), (QueueName(HERE, "n"),), (LogName(HERE, "n"),))]


def test_the_text_of_work() -> None:
    work = Work(frozenset({3, 1}), frozenset({2}), frozenset())
    assert work.text() == "1,3;2;"
    assert Work.parse("1,3;2;") == work
    assert not Work.parse(";;")
    assert Work(frozenset({1})) | Work(frozenset(), frozenset({1, 2})) == Work(frozenset({1}), frozenset({2}))
