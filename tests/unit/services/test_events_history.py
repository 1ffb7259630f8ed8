"""The history is trimmed by its age and by its size, the oldest first, and never what came just now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus_rig import SCOPE, Rig
from nightbus.clock import VirtualClock
from nightbus.delivery.retention import STEP_MS, Retention, first_kept
from nightbus.delivery.rules import history_log, outcome_log
from nightbus.services.events.engines.history_trimming import trim
from nightbus.store.interface import Append

MEGABYTE = 1024 * 1024
NOW = 1_800_000_000_000 // STEP_MS * STEP_MS


@pytest.fixture
async def events(tmp_path: Path) -> AsyncIterator[Rig]:
    made = Rig(tmp_path, VirtualClock())
    yield made
    await made.store.close()


async def times(events: Rig, log: str) -> list[int]:
    return [entry.time for entry in await events.store.read(SCOPE, log)]


async def test_what_is_too_old_goes(events: Rig) -> None:
    hour = 3_600_000
    for log in (history_log("b"), outcome_log("b")):
        for age in (3, 2, 1, 0):
            await events.store.commit(Append(SCOPE, log, NOW - age * hour, b"x"))
    await trim(events.store, Retention(hours=2), NOW)
    assert await times(events, history_log("b")) == [NOW - 2 * hour, NOW - hour, NOW]
    assert await times(events, outcome_log("b")) == [NOW - 2 * hour, NOW - hour, NOW]


async def test_what_is_too_much_goes_oldest_first_over_all_buses(events: Rig) -> None:
    for minute in reversed(range(10)):
        time = NOW - minute * STEP_MS
        await events.store.commit(
            *(Append(SCOPE, history_log(bus), time, b"x" * (MEGABYTE // 4 - 5_000)) for bus in ("a", "b"))
        )
    await trim(events.store, Retention(megabytes=2), NOW)
    kept = [NOW - minute * STEP_MS for minute in (3, 2, 1, 0)]
    assert await times(events, history_log("a")) == await times(events, history_log("b")) == kept


async def test_other_logs_are_left_alone(events: Rig) -> None:
    await events.store.commit(Append(SCOPE, "logs/g:s", 1, b"x"))
    await trim(events.store, Retention(1, 1), NOW)
    assert await times(events, "logs/g:s") == [1]


SIZES = st.dictionaries(
    st.integers(0, 200).map(lambda ago: NOW - ago * STEP_MS), st.integers(0, 2 * MEGABYTE)
)


@given(st.lists(SIZES, max_size=4), st.integers(1, 3), st.integers(1, 20))
def test_what_is_kept_fits_and_nothing_more_would(sizes: list[dict[int, int]], hours: int, room: int) -> None:
    before = first_kept(sizes, Retention(hours, room), NOW)
    oldest = NOW - hours * 3_600_000
    assert before >= oldest or before == NOW - STEP_MS

    def held(since: int) -> int:
        return sum(size for one in sizes for step, size in one.items() if step >= since)

    newest = held(NOW - STEP_MS)
    assert held(before) <= max(room * MEGABYTE, newest)
    if before > oldest and before < NOW - STEP_MS:
        assert held(before - STEP_MS) > room * MEGABYTE
