"""Spreads a subscriber's notifications evenly if its policy limits their number per second."""

from __future__ import annotations

_MOST_KNOWN = 1024


class Throttle:
    """The next free time of each subscriber, in memory; a restart forgets them and delays nobody."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def slot(self, subscription: str, per_second: int, now: int) -> int:
        """Reserve the next free time and return it, in UTC ms: `now` or later."""
        if len(self._next) > _MOST_KNOWN:
            self._next = {key: time for key, time in self._next.items() if time > now}
        slot = max(float(now), self._next.get(subscription, 0.0))
        self._next[subscription] = slot + 1000 / per_second
        return round(slot)
