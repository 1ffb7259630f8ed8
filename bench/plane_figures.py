"""What was measured, as values: figures of several rounds, or the reason why there is none."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Figure:
    """One thing measured of one endpoint; `reason` says why where it could not be."""

    what: str
    unit: str
    endpoint: str
    rounds: list[float] = field(default_factory=list)
    reason: str = ""

    @property
    def median(self) -> float | None:
        return statistics.median(self.rounds) if self.rounds and not self.reason else None

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"median": self.median}


class Figures:
    """All of a run, in the order in which they were first named; the columns are given."""

    def __init__(self, endpoints: Sequence[str]) -> None:
        self.endpoints = tuple(endpoints)
        self._all: dict[tuple[str, str, str], Figure] = {}

    def __iter__(self) -> Iterator[Figure]:
        return iter(self._all.values())

    def add(self, what: str, unit: str, endpoint: str, value: float) -> None:
        self._figure(what, unit, endpoint).rounds.append(value)

    def miss(self, what: str, unit: str, endpoint: str, reason: str) -> None:
        self._figure(what, unit, endpoint).reason = reason

    def _figure(self, what: str, unit: str, endpoint: str) -> Figure:
        return self._all.setdefault((what, unit, endpoint), Figure(what, unit, endpoint))

    def find(self, what: str, unit: str, endpoint: str) -> Figure | None:
        return self._all.get((what, unit, endpoint))

    def rows(self) -> list[tuple[str, str]]:
        """What was measured, with its unit."""
        return list(dict.fromkeys((figure.what, figure.unit) for figure in self))


def percentile(values: list[float], share: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * share // 100)]
