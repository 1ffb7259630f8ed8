"""Spaces the requests to an API destination so that they keep its rate.

A delivery that comes too early is given a moment of its own and keeps it, so that each is looked at twice at most and
they stay in their order. The moments live in memory: after a restart they are given anew.
"""

from __future__ import annotations

from collections.abc import Hashable

_MOST_KNOWN = 4096
_MOST_AHEAD_MS = 24 * 3600 * 1000  # longer than that no event lives


_LATE_MS = 3600 * 1000


class Rates:
    def __init__(self) -> None:
        self._next: dict[str, float] = {}  # UTC ms from which on the destination has room
        self._given: dict[tuple[str, Hashable], float] = {}

        self._tidy_above = _MOST_KNOWN

    def _tidy(self, now_ms: int) -> None:
        """Away with destinations that have room, and with the moments of deliveries that did not come back."""
        self._next = {one: time for one, time in self._next.items() if time > now_ms}
        self._given = {one: time for one, time in self._given.items() if time > now_ms - _LATE_MS}
        self._tidy_above = max(_MOST_KNOWN, 2 * (len(self._next) + len(self._given)))

    def __len__(self) -> int:
        return len(self._next) + len(self._given)

    def wait_until(self, destination: str, rate: int, who: Hashable, now_ms: int) -> int | None:
        """UTC ms at which `who` is to come again; None when it may go now."""
        if len(self._next) + len(self._given) > self._tidy_above:
            self._tidy(now_ms)
        given = self._given.get((destination, who))
        if given is not None and now_ms >= int(given):
            del self._given[destination, who]
            return None
        if given is None:
            given = max(now_ms, self._next.get(destination, 0.0))
            if given - now_ms > _MOST_AHEAD_MS:
                return now_ms + _MOST_AHEAD_MS
            self._next[destination] = given + 1000 / rate
            if int(given) <= now_ms:
                return None
            self._given[destination, who] = given
        return int(given)
