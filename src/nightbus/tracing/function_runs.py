"""Tells the runs of one invocation apart: how each ended, and what was done in it. Pure.

Lambda runs an asynchronous invocation anew that failed, and a node does one that it was killed in, under the same
request id: the runs follow one another, so time tells which one it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

UNDER_WAY = "under way"
BROKEN_OFF = "broken off"
AGAIN = "will be tried again"
_OUTCOME_MEMBERS = ("outcome", "code", "message", "next", "pending", "sent_to", "not_sent", "again")


def describe_runs(
    noted: Sequence[Mapping[str, Any]], logged: Iterable[Mapping[str, Any]], done: Iterable[int] = ()
) -> list[dict[str, Any]]:
    """In order. `noted` are the ends that were written down, `logged` what the function's log has of each run, and
    `done` the times at which it published or sent something."""
    ended = [_of_note(one) for one in noted]
    runs = list(ended)
    for one in logged:
        lines = one["log"]
        began = lines[0]["time"]
        run = next((run for run in ended if run["began"] <= began <= run["time"] and not run["log"]), None)
        if run is None:
            runs.append({"began": began, "outcome": UNDER_WAY, "log": lines})
        else:
            run["log"] = lines
    for time in sorted(done):
        before = max(
            (run for run in runs if run["began"] <= time), key=lambda run: run["began"], default=None
        )
        if before is None or (before["outcome"] == AGAIN and time > before["time"]):
            runs.append({"began": time, "outcome": UNDER_WAY, "log": []})  # nothing else is known of it yet
    runs.sort(key=lambda run: run["began"])
    for run in runs[:-1]:
        if run["outcome"] == UNDER_WAY:
            run["outcome"] = BROKEN_OFF  # with the node that it ran in
    return [{"run": number, **run} for number, run in zip(count(1), runs, strict=False)]


def run_of(runs: Sequence[Mapping[str, Any]], time: int) -> int:
    """The index of the run that was on at that time, the first at least."""
    return max((at for at, run in enumerate(runs) if run["began"] <= time), default=0)


def state_of(runs: Sequence[Mapping[str, Any]], message_id: str = "") -> str:
    """The outcome of an invocation, or its outcome for one message of the batch that it got."""
    if not runs:
        return UNDER_WAY
    last = runs[-1]
    if "pending" in last:
        return UNDER_WAY
    return "failed" if message_id in last.get("again", ()) else str(last["outcome"])


def _of_note(noted: Mapping[str, Any]) -> dict[str, Any]:
    outcome = {name: noted[name] for name in _OUTCOME_MEMBERS if name in noted}
    took = noted["time"] - noted["began"]
    return {"began": noted["began"], "time": noted["time"], "duration": took, **outcome, "log": []}
