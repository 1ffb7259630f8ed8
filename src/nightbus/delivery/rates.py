"""Spaces the requests to an endpoint so that they keep its rate.

A job that comes too early is given a moment of its own and keeps it, so that each is looked at twice at most and they
stay in their order. The moments live in memory: after a restart they are given anew. Where several nodes share a store,
the moments are there (`SharedRates`): a job may come back at another node.
"""

from __future__ import annotations

from collections.abc import Hashable

from nightbus.store.changes import StoreUnavailable
from nightbus.store.shared_limits import SharedRates

_MOST_KNOWN = 4096
_MOST_AHEAD_MS = 24 * 3600 * 1000  # longer than that no event lives
_LATE_MS = 3600 * 1000
_AWAY_MS = 1000  # while the store is away


class Rates:
    """`shared`: where the moments are if several nodes share a store; None where this node is alone."""

    shared: SharedRates | None = None

    def __init__(self) -> None:
        self._next: dict[str, float] = {}  # UTC ms from which on the endpoint has room
        self._moments: dict[tuple[str, Hashable], float] = {}
        self._tidy_above = _MOST_KNOWN

    def _tidy(self, now_ms: int) -> None:
        """Forget endpoints that have room, and the moments of jobs that did not come back."""
        self._next = {one: time for one, time in self._next.items() if time > now_ms}
        self._moments = {one: time for one, time in self._moments.items() if time > now_ms - _LATE_MS}
        self._tidy_above = max(_MOST_KNOWN, 2 * (len(self._next) + len(self._moments)))

    def __len__(self) -> int:
        return len(self._next) + len(self._moments)

    async def moment(self, endpoint: str, rate: int, who: str, now_ms: int) -> int | None:
        """UTC ms at which `who` is to come again; None when they may go now. `rate` is in requests per second."""
        if self.shared is None:
            return self.wait_until(endpoint, rate, who, now_ms)
        try:
            return await self.shared.moment(endpoint, rate, who, now_ms)
        except StoreUnavailable:
            return now_ms + _AWAY_MS

    def wait_until(self, endpoint: str, rate: int, who: Hashable, now_ms: int) -> int | None:
        """As `moment`, for this node alone."""
        if len(self) > self._tidy_above:
            self._tidy(now_ms)
        moment = self._moments.get((endpoint, who))
        if moment is not None and now_ms >= int(moment):
            del self._moments[endpoint, who]
            return None
        if moment is None:
            moment = max(now_ms, self._next.get(endpoint, 0.0))
            if moment - now_ms > _MOST_AHEAD_MS:
                return now_ms + _MOST_AHEAD_MS
            self._next[endpoint] = moment + 1000 / rate
            if int(moment) <= now_ms:
                return None
            self._moments[endpoint, who] = moment
        return int(moment)
