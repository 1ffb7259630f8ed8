"""Spreads a subscriber's notifications evenly where its policy limits them to so many a second."""

from __future__ import annotations

_MOST_KNOWN = 1024


class Throttle:
    """In memory: after a restart everybody's turn is at once."""

    def __init__(self) -> None:
        self._next: dict[str, float] = {}

    def slot(self, subscription: str, per_second: int, now: int) -> int:
        """The UTC millisecond at which the notification may go out, `now` or later."""
        if len(self._next) > _MOST_KNOWN:
            self._next = {key: time for key, time in self._next.items() if time > now}
        slot = max(float(now), self._next.get(subscription, 0.0))
        self._next[subscription] = slot + 1000 / per_second
        return round(slot)
