"""When may the next request go to an API destination, that is asked no oftener than its rate?

A delivery that comes too early is given a moment of its own and keeps it, so that each is looked at twice at most and
they stay in their order. The moments live in memory: after a restart they are given anew.
"""

from __future__ import annotations

from collections.abc import Hashable

_MOST_AHEAD_MS = 24 * 3600 * 1000  # longer than that no event lives


class Rates:
    def __init__(self) -> None:
        self._next: dict[str, float] = {}  # UTC ms from which on the destination has room
        self._given: dict[tuple[str, Hashable], float] = {}

    def wait_until(self, destination: str, rate: int, who: Hashable, now_ms: int) -> int | None:
        """UTC ms at which `who` is to come again; None when it may go now."""
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
