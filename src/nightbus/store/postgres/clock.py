"""The clock of a node that shares its store with others: the database's time, on which all of them agree.

Due times and the ends of leases are compared by every node with its own clock, so a node whose clock is an hour ahead
would take what others have leased. Each heartbeat measures the database's time by a round trip. Between two of them the
machine's monotonic clock counts. A small difference is made up for gradually, a large one forward at once, and the time
never goes back: a clock that is ahead runs at half its speed until it is right.
"""

from __future__ import annotations

from collections.abc import Awaitable

from nightbus.clock import Clock

JUMP_MS = 1_000.0  # a machine that slept is behind by more; heartbeats come each second
_SLEW_SECONDS = 1.0
_MOST_SLOWER = 500.0  # ms per second
_LONGEST_TRIP = 0.5  # seconds; a longer one says too little


class ClusterClock:
    """`base` is the machine's clock, and counts alone until the first measurement, which sets the time."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self.monotonic = base.monotonic
        self._at = base.monotonic()
        self._ms = float(base.now_ms())  # the time at `_at`
        self._slew = 0.0  # ms per second that the time runs faster, for `_slew_seconds` from `_at`
        self._slew_seconds = 0.0
        self._measured = False

    def now_ms(self) -> int:
        return int(self._time(self.monotonic()))

    def sleep(self, seconds: float) -> Awaitable[None]:
        return self._base.sleep(seconds)

    def pause(self, seconds: float) -> Awaitable[None]:
        return self._base.pause(seconds)

    def until(self, utc_ms: int) -> float:
        return max(0.0, (utc_ms - self._time(self.monotonic())) / 1000)

    @property
    def base(self) -> Clock:
        return self._base

    def measured(self, database_ms: float, sent: float, received: float) -> None:
        """The database's time was `database_ms` (UTC) between `sent` and `received`, by `monotonic`."""
        trip = received - sent
        if self._measured and trip > _LONGEST_TRIP:
            return
        now = self.monotonic()
        time = self._time(now)
        ahead = database_ms + (now - (sent + received) / 2) * 1000 - time
        if not self._measured or ahead > JUMP_MS:
            self._measured = True
            self._set(now, time + ahead, 0.0, 0.0)
        elif abs(ahead) <= trip * 500:  # the error of the measurement
            self._set(now, time, 0.0, 0.0)
        else:
            seconds = max(_SLEW_SECONDS, -ahead / _MOST_SLOWER)
            self._set(now, time, ahead / seconds, seconds)

    def _time(self, at: float) -> float:
        since = at - self._at
        return self._ms + since * 1000 + min(since, self._slew_seconds) * self._slew

    def _set(self, at: float, ms: float, slew: float, slew_seconds: float) -> None:
        self._at, self._ms, self._slew, self._slew_seconds = at, ms, slew, slew_seconds
