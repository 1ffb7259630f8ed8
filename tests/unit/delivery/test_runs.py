"""Runs of one invocation: ends that were noted, lines that were logged and events that were published fit together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.tracing.function_runs import describe_runs, run_of, state_of


def ended(began: int, time: int, outcome: str = "succeeded", **more: Any) -> dict[str, Any]:
    return {"function": "f", "request_id": "r", "began": began, "time": time, "outcome": outcome, **more}


def logged(*times: int) -> dict[str, Any]:
    return {"request_id": "r", "log": [{"time": time, "message": "m"} for time in times]}


AGAIN = ended(10, 20, "will be tried again", code="E", message="no", next=80)


def test_each_end_finds_its_log() -> None:
    first, second = describe_runs([AGAIN, ended(80, 95)], [logged(11, 19), logged(80, 94)])
    assert (first["run"], first["outcome"], first["code"], first["next"], first["duration"]) == (
        1,
        "will be tried again",
        "E",
        80,
        10,
    )
    assert [line["time"] for line in first["log"]] == [11, 19]
    assert (second["run"], second["outcome"], second["log"][0]["time"]) == (2, "succeeded", 80)


@pytest.mark.parametrize(
    ("noted", "lines", "published", "outcomes"),
    [
        ([], [], [], []),
        ([], [logged(10)], [], ["under way"]),
        ([], [logged(10), logged(50)], [], ["broken off", "under way"]),
        ([ended(40, 60)], [logged(10), logged(41)], [], ["broken off", "succeeded"]),
        ([AGAIN], [logged(11)], [15], ["will be tried again"]),
        ([AGAIN], [logged(11)], [15, 81], ["will be tried again", "under way"]),
        ([AGAIN, ended(80, 90)], [], [70, 85], ["will be tried again", "broken off", "succeeded"]),
        ([], [], [12], ["under way"]),
        ([ended(40, 60)], [], [12], ["broken off", "succeeded"]),
        ([ended(10, 20)], [], [25], ["succeeded"]),
        ([ended(10, 20, "failed")], [], [], ["failed"]),
    ],
    ids=[
        "nothing known", "runs", "runs after a crash", "done after a crash", "waits for its retry", "retry runs",
        "a run that only its events show", "only an event", "an event of a run before", "a thread lived on", "gave up",
    ],
)  # fmt: skip
def test_what_is_not_noted_is_concluded(
    noted: list[Any], lines: list[Any], published: list[int], outcomes: list[str]
) -> None:
    runs = describe_runs(noted, lines, published)
    assert [run["outcome"] for run in runs] == outcomes
    assert [run["run"] for run in runs] == list(range(1, len(runs) + 1))


def test_an_event_belongs_to_the_run_that_was_on() -> None:
    runs = describe_runs([AGAIN, ended(80, 95)], [])
    assert [run_of(runs, time) for time in (5, 10, 20, 79, 80, 99)] == [0, 0, 0, 0, 1, 1]


def test_a_message_that_its_function_reports_has_failed_though_the_others_have_not() -> None:
    runs = describe_runs([ended(10, 20, again=["m2"])], [])
    assert (state_of(runs, "m1"), state_of(runs, "m2"), state_of([])) == ("succeeded", "failed", "under way")


@given(
    st.lists(st.integers(1, 30), max_size=6),
    st.lists(st.integers(0, 300), max_size=6),
    st.lists(st.integers(0, 300), max_size=6),
)
def test_every_event_has_a_run_that_had_begun(
    gaps: list[int], starts: list[int], published: list[int]
) -> None:
    noted, time = [], 0
    for gap in gaps:
        noted.append(ended(time + gap, time + 2 * gap, "will be tried again", next=0))
        time += 3 * gap
    runs = describe_runs(noted, [logged(start) for start in sorted(starts)], published)
    assert [run["began"] for run in runs] == sorted(run["began"] for run in runs)
    assert sum(bool(run["log"]) for run in runs) == len(starts)
    for moment in published:
        run = runs[run_of(runs, moment)]
        assert run["began"] <= moment
        assert run["outcome"] != "will be tried again" or moment <= run["time"]
