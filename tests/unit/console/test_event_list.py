"""The search through the history: its pages, its bounds, and the states of events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import orjson
import pytest

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.bus.json_text import write_json
from nightbus.clock import SystemClock
from nightbus.console.api import event_list
from nightbus.console.api.event_list import EventList, EventQuery, find_events
from nightbus.console.api.event_rows import (
    DELIVERED,
    FAILED,
    UNMATCHED,
    WAITING,
    EventFilter,
    head_of,
    row_of,
    state_of,
)
from nightbus.console.api.values import encoded
from nightbus.delivery.history import DeliveryNote
from nightbus.store.interface import Append, Store
from nightbus.store.postgres.store import PostgresStore
from nightbus.store.sqlite.store import SqliteStore
from postgres_nodes import new_database

SCOPE = Scope("000000000000", "us-east-1")
NOW = 1_800_000_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore.open(tmp_path / "data", SystemClock())
    yield opened
    await opened.close()


def envelope(number: int) -> bytes:
    return orjson.dumps(
        {"version": "0", "id": f"e{number}", "detail-type": "t", "source": "s", "account": "0", "region": "r",
         "detail": {"n": number}}
    )  # fmt: skip


def entry(bus: str, time: int, *numbers: int, notes: bytes = b"") -> Append:
    lines = [line for number in numbers for line in (envelope(number), notes)]
    return Append(SCOPE, f"bus/{bus}", time, b"\n".join(lines))


async def search(store: Store, **query: Any) -> EventList:
    request: Any = SimpleNamespace(store=store, scope=SCOPE)
    return await find_events(request, msgspec.convert(query, EventQuery))


async def all_pages(store: Store, **query: Any) -> tuple[list[str], int]:
    found, pages, token = [], 0, ""
    while True:
        page = await search(store, **query, next=token)
        found += [one.id for one in page.events]
        pages += 1
        if page.next is None:
            return found, pages
        assert page.next != token
        token = page.next


@pytest.mark.parametrize("limit", [1, 3, 7, 1000])
async def test_each_event_of_one_moment_is_seen_once(store: SqliteStore, limit: int) -> None:
    """As many commits of one millisecond as a node with a virtual clock has."""
    for number in range(60):
        await store.commit(entry("ab"[number % 2], NOW, 2 * number, 2 * number + 1))
    found, _ = await all_pages(store, limit=limit)
    assert found == [f"e{number}" for number in range(119, -1, -1)]


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_events_of_buses_that_count_by_themselves_are_seen_once(limit: int) -> None:
    """An application that puts an event to each of two buses at a time gives both one time and one offset."""
    async with new_database() as database:
        store = await PostgresStore.open(database, SystemClock())
        for number in range(6):
            await store.commit(
                *[entry(bus, NOW + number // 2, 10 * number + at) for at, bus in enumerate("bca")]
            )
        found, _ = await all_pages(store, limit=limit)
        assert found == [f"e{10 * number + at}" for number in range(5, -1, -1) for at in (1, 0, 2)]
        await store.close()


async def test_a_commit_that_came_later_with_an_earlier_time_is_seen(store: SqliteStore) -> None:
    for number, time in enumerate((NOW + 5, NOW + 3, NOW + 9, NOW + 4)):
        await store.commit(entry("a", time, number))
    found, _ = await all_pages(store, limit=1)
    assert found == ["e2", "e0", "e3", "e1"]


async def test_a_search_looks_at_a_bounded_part(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_list, "_MOST_EVENTS", 100)
    for number in range(80):
        await store.commit(entry("a", NOW + number, *range(10 * number, 10 * number + 10)))
    first = await search(store, text='"n":3}', limit=10)
    assert (first.events, first.next is not None) == ([], True)
    assert first.searched_to is not None
    assert NOW < first.searched_to < NOW + 79
    found, pages = await all_pages(store, text='"n":3}', limit=10)
    assert found == ["e3"]
    assert 2 < pages < 9


async def test_there_is_no_next_page_where_there_is_nothing(store: SqliteStore) -> None:
    assert await search(store) == EventList(events=[], next=None, searched_to=None)
    await store.commit(entry("a", NOW, 1))
    assert (await search(store)).next is None
    assert (await search(store, bus="b")).events == []


@pytest.mark.parametrize("token", ["x", "W10=", "WzEsMiwzXQ", "WyJhIiwxLDJd", "é", "W zEsMl0="])
async def test_a_token_that_nobody_gave_is_refused(store: SqliteStore, token: str) -> None:
    with pytest.raises(AwsError, match="next"):
        await search(store, next=token)


async def test_states_are_of_the_outcome_log(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is read event by event or by time."""
    queued = b'[["r","t","arn",null]]'
    outcomes = {1: ["failed"], 2: ["will be tried again"], 3: ["will be tried again", "delivered"], 4: []}
    for number, attempts in outcomes.items():
        await store.commit(entry("a", NOW + number, number, notes=queued))
        for outcome in attempts:
            data = orjson.dumps({"rule": "r", "target": "t", "arn": "arn", "outcome": outcome})
            await store.commit(Append(SCOPE, "delivery/a", NOW + number, data, f"e{number}"))
    await store.commit(entry("a", NOW + 5, 5), entry("a", NOW + 6, 6, notes=b'[["r","t","arn","name"]]'))
    wanted = {"e1": FAILED, "e2": WAITING, "e3": DELIVERED, "e4": WAITING, "e5": UNMATCHED, "e6": DELIVERED}
    for together in (50, 0):
        monkeypatch.setattr(event_list, "_OUTCOMES_TOGETHER", together)
        assert {one.id: one.state for one in (await search(store)).events} == wanted
        for state in (FAILED, WAITING, DELIVERED, UNMATCHED):
            found, _ = await all_pages(store, state=state, limit=1)
            assert found == [name for name in sorted(wanted, reverse=True) if wanted[name] == state]
    with pytest.raises(AwsError, match="state"):
        await search(store, state="lost")


def test_one_failure_counts_more_than_others_successes() -> None:
    notes = [DeliveryNote("a", "t", "x", "name"), DeliveryNote("b", "t", "y", None)]
    assert state_of([], {}) == UNMATCHED
    assert state_of(notes[:1], {}) == DELIVERED
    assert state_of(notes, {}) == WAITING
    assert state_of(notes, {("b", "t", "y"): DELIVERED}) == DELIVERED
    assert state_of(notes, {("b", "t", "y"): FAILED}) == FAILED


@pytest.mark.parametrize(
    ("text", "detail", "is_found"),
    [
        ("ÄRGER", '{"a":"ärger"}', True),
        ('say "x"', '{"a":"Say \\"X\\""}', True),
        ("a\\b", '{"a":"a\\\\b"}', True),
        ("12345678901234567890123", '{"a":12345678901234567890123}', True),
        ('"a":"Some"', '{"a":"some"}', True),
        ("none", '{"a":"some"}', False),
    ],
)
def test_a_text_is_looked_for_whatever_its_case(text: str, detail: str, is_found: bool) -> None:
    event = (
        b'{"id":"i","detail-type":"t","source":"s","account":"0","region":"r","detail":'
        + detail.encode()
        + b"}"
    )
    head = EventFilter.of(msgspec.convert({"text": text}, EventQuery)).head(event)
    assert (head is not None) == is_found


@pytest.mark.parametrize(
    "changed",
    [{"source": "shop\ud800"}, {"detail-type": "\ud800"}, {"detail": {"\ud800": 1}}, {"account": "\ud800"}],
)
def test_an_event_with_half_a_surrogate_pair_is_an_event(changed: dict[str, Any]) -> None:
    plain = {"id": "1", "source": "shop", "account": "1", "region": "r", "detail-type": "x", "detail": {}}
    event: dict[str, Any] = {**plain, **changed}
    head = head_of(write_json(event).encode())
    assert [head.source, head.detail_type, head.account] == [
        event["source"],
        event["detail-type"],
        event["account"],
    ]
    row = row_of(head, 1, "bus", [])
    assert json.loads(encoded(row))["source"] == event["source"]
    assert json.loads(bytes(head.detail)) == event["detail"]


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_entries_without_the_text_count_as_looked_at(store: SqliteStore, limit: int) -> None:
    await store.commit(
        entry("default", NOW, 1, 2, 3), entry("default", NOW + 1, 4, 5), entry("default", NOW + 2, 6, 3, 7)
    )
    found, _ = await all_pages(store, text='"N":3}', limit=limit)
    assert found == ["e3", "e3"]
    nothing = await search(store, text="nowhere")
    assert (nothing.events, nothing.next, nothing.searched_to) == ([], None, NOW)


async def test_the_bound_counts_events_of_entries_without_the_text(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightbus.console.api.event_list._MOST_EVENTS", 4)
    monkeypatch.setattr("nightbus.console.api.event_list._FIRST_PIECE", 1)
    for number in range(30):
        await store.commit(entry("default", NOW + number, 2 * number, 2 * number + 1))
    first = await search(store, text="nowhere", limit=1)
    assert first.next is not None
    assert first.searched_to is not None
    assert NOW < first.searched_to < NOW + 28
