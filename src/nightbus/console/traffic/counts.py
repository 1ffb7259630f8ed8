"""Counts what passed, by second: over each edge of the graph, and through each node. Pure.

Nothing older than five minutes is kept; for a day, when each edge and node was used last.
"""

from __future__ import annotations

from dataclasses import dataclass

KEPT_SECONDS = 300
_LAST_KEPT_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Flow:
    """`passed` and `failed` in the seconds that were asked for, `last` is when something passed (UTC ms)."""

    passed: int
    failed: int
    last: int


class Counts:
    def __init__(self) -> None:
        self._seconds: dict[int, dict[str, list[int]]] = {}
        self._last: dict[str, int] = {}

    def add(self, name: str, time_ms: int, passed: int = 1, failed: int = 0) -> None:
        """`name` is an edge's id or a node's."""
        second = self._seconds.setdefault(time_ms // 1000, {})
        counts = second.get(name)
        if counts is None:
            second[name] = [passed, failed]
        else:
            counts[0] += passed
            counts[1] += failed
        if time_ms > self._last.get(name, 0):
            self._last[name] = time_ms

    def since(self, seconds: int, now_ms: int) -> dict[str, Flow]:
        """What passed in the last so many seconds, the one that has just begun left out."""
        end = now_ms // 1000
        sums: dict[str, list[int]] = {}
        for second in range(end - seconds, end):
            for name, (passed, failed) in list(self._seconds.get(second, {}).items()):
                total = sums.setdefault(name, [0, 0])
                total[0] += passed
                total[1] += failed
        return {
            name: Flow(passed, failed, self._last.get(name, 0)) for name, (passed, failed) in sums.items()
        }

    def last(self, name: str) -> int:
        return self._last.get(name, 0)

    def forget(self, now_ms: int) -> None:
        oldest = now_ms // 1000 - KEPT_SECONDS
        for second in [one for one in self._seconds if one < oldest]:
            del self._seconds[second]
        for name in [name for name, last in self._last.items() if last < now_ms - _LAST_KEPT_MS]:
            del self._last[name]

    def __len__(self) -> int:
        return len(self._last)
