"""Defines how much of the history of buses is kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

STEP_MS = 60_000
_HOUR_MS = 3_600_000
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Retention:
    """Nothing older than so many hours, and no more than so many megabytes of all buses together."""

    hours: int = 24
    megabytes: int = 1024


def first_kept(sizes: Iterable[Mapping[int, int]], retention: Retention, now_ms: int) -> int:
    """UTC ms before which entries go; `sizes` are the bytes of each log by the minute. The last minute always stays."""
    together = Counter[int]()
    for size in sizes:
        together.update(size)
    oldest, room = now_ms - retention.hours * _HOUR_MS, retention.megabytes * _MEGABYTE
    for step in sorted(together, reverse=True):
        room -= together[step]
        if room < 0:
            return min(max(oldest, step + STEP_MS), now_ms - STEP_MS)
    return oldest
