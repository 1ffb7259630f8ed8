"""Logs operations that fail without a mistake of their caller: with a traceback once a minute, else in one line.

A full disk makes every request fail in the same way, and has no room for a log full of tracebacks: it is known by its
error, and gets one line and an answer that says so. So is a database that cannot be reached.
"""

from __future__ import annotations

import errno
import logging

from nightbus.aws.errors import AwsError
from nightbus.clock import Clock

log = logging.getLogger("nightbus.gateway")

_AGAIN_SECONDS = 60.0
_MOST = 100
_SQLITE_FULL = 13


def error_of(failure: Exception) -> AwsError:
    """Return the error with which a client learns of the failure. It may try again after either."""
    if is_full_disk(failure):
        return AwsError("ServiceUnavailable", "The disk of this node is full. Nothing was changed.", 503)
    if is_unreachable_store(failure):
        return AwsError("ServiceUnavailable", "The database is not available. Please try again.", 503)
    return AwsError("InternalFailure", "We encountered an internal error. Please try again.", 500)


def is_full_disk(failure: Exception) -> bool:
    """Return whether the disk took no more. SQLite says it by the code SQLITE_FULL (13)."""
    number = failure.errno if isinstance(failure, OSError) else None
    return (
        number in (errno.ENOSPC, errno.EDQUOT) or getattr(failure, "sqlite_errorcode", None) == _SQLITE_FULL
    )


def is_unreachable_store(failure: Exception) -> bool:
    """Return whether the store says of its failure that it may pass (`nightbus.store.changes.StoreUnavailable`)."""
    return getattr(failure, "is_passing", False) is True


class Failures:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._logged_at: dict[tuple[str, str], float] = {}  # operation and error → time of its last traceback

    def tell(self, operation: str, request_id: str, failure: Exception) -> None:
        how = (operation, f"{type(failure).__name__}: {failure}")
        now, logged_at = self._clock.monotonic(), self._logged_at.pop(how, None)
        if is_full_disk(failure) or is_unreachable_store(failure):
            log.error("%s failed (request %s): %s", operation, request_id, how[1])
            return
        if logged_at is not None and now - logged_at < _AGAIN_SECONDS:
            self._logged_at[how] = logged_at
            log.error("%s failed (request %s): %s", operation, request_id, how[1])
            return
        self._logged_at[how] = now
        if len(self._logged_at) > _MOST:
            del self._logged_at[next(iter(self._logged_at))]
        log.error("%s failed (request %s)", operation, request_id, exc_info=failure)
