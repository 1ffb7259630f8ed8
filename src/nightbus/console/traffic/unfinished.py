"""Keeps which deliveries and invocations have failed and were not done later: a retried one counts once. Pure.

`Counts` has each attempt as it happens, which is what flows on the map. Whoever asks what fails means the things that
were to be delivered: one that failed twice and was delivered then is no failure, and one that fails for the third time
is one.
"""

from __future__ import annotations

from dataclasses import dataclass

from nightbus.bounded import Bounded
from nightbus.console.traffic.counts import Counts

DONE, FAILED, AGAIN = "done", "failed", "again"
_MOST = 20_000


@dataclass(frozen=True, slots=True)
class Failing:
    """How many were given up, and how many of those that failed are tried again."""

    failed: int = 0
    again: int = 0

    def text(self, tries: int, what: str) -> str:
        """`what` failed, in words: `tries` counts attempts without those that came after another one."""
        total = max(tries, self.failed + self.again)
        if not self.failed:
            return f"{self.again} of {total} {what} failed and will be tried again"
        return f"{self.failed} of {total} {what} failed" + (
            f", {self.again} will be tried again" if self.again else ""
        )


class Unfinished:
    def __init__(self) -> None:
        self._open: Bounded[tuple[str, str], tuple[int, str]] = Bounded(_MOST)
        self._repeats = Counts()

    def tried(self, name: str, key: str, time_ms: int, state: str) -> None:
        """An attempt ended: `name` is an edge's id or a node's, `key` says of which thing it was an attempt."""
        known = self._open.pop((name, key), None)
        if known is not None:
            self._repeats.add(name, time_ms)
        if state != DONE:
            self._open[name, key] = time_ms, state

    def failing(self, seconds: int, now_ms: int) -> dict[str, Failing]:
        """What failed in the last so many seconds and was not done since, by edge and node."""
        oldest = now_ms - seconds * 1000
        sums: dict[str, list[int]] = {}
        for (name, _), (time, state) in list(self._open.items()):
            if time >= oldest:
                sums.setdefault(name, [0, 0])[state == AGAIN] += 1
        return {name: Failing(*counts) for name, counts in sums.items()}

    def repeats(self, seconds: int, now_ms: int) -> dict[str, int]:
        """How many of the attempts in the last so many seconds came after one that had failed."""
        return {name: flow.passed for name, flow in self._repeats.since(seconds, now_ms).items()}

    def forget(self, now_ms: int) -> None:
        self._repeats.forget(now_ms)

    def __len__(self) -> int:
        return len(self._open)
