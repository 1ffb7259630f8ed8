"""Logs operations that fail without a mistake of their caller: with a traceback once a minute, else in one line.

A full disk makes every request fail in the same way, and has no room for a log full of tracebacks.
"""

from __future__ import annotations

import logging

from nightbus.clock import Clock

log = logging.getLogger("nightbus.gateway")

_AGAIN_SECONDS = 60.0
_MOST = 100


class Failures:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logged_at: dict[tuple[str, str], float] = {}  # operation and error → time of its last traceback

    def tell(self, operation: str, request_id: str, failure: Exception) -> None:
        how = (operation, f"{type(failure).__name__}: {failure}")
        now, logged_at = self._clock.monotonic(), self._logged_at.pop(how, None)
        if logged_at is not None and now - logged_at < _AGAIN_SECONDS:
            self._logged_at[how] = logged_at
            log.error("%s failed (request %s): %s", operation, request_id, how[1])
            return
        self._logged_at[how] = now
        if len(self._logged_at) > _MOST:
            del self._logged_at[next(iter(self._logged_at))]
        log.error("%s failed (request %s)", operation, request_id, exc_info=failure)
