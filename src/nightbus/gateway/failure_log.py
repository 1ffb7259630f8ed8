"""Logs operations that fail by no fault of their caller: in full once a minute, else in one line.

A disk that is full fails every request in the same way; a log full of tracebacks would not fit there either.
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
        self._logged_at: dict[
            tuple[str, str], float
        ] = {}  # what failed and how → when its traceback was logged

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
