"""How loudly is it said that an operation failed by no fault of its caller? In full once a minute, else in a line.

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
        self._told: dict[tuple[str, str], float] = {}  # what failed and how → when its traceback was logged

    def tell(self, operation: str, request_id: str, failure: Exception) -> None:
        how = (operation, f"{type(failure).__name__}: {failure}")
        now, told = self._clock.monotonic(), self._told.pop(how, None)
        if told is not None and now - told < _AGAIN_SECONDS:
            self._told[how] = told
            log.error("%s failed (request %s): %s", operation, request_id, how[1])
            return
        self._told[how] = now
        if len(self._told) > _MOST:
            del self._told[next(iter(self._told))]
        log.error("%s failed (request %s)", operation, request_id, exc_info=failure)
