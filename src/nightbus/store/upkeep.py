"""Lets work on many records go on where the work on one of them fails.

For whoever goes through everything that is kept (recovery, retention, pollers): what fails for one, since it cannot be
read or the store takes nothing for a moment, is logged and tried again the next time.
"""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from nightbus.store.changes import StoreUnavailable

log = logging.getLogger("nightbus.store")

_PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EIO}


def is_passing(failure: BaseException) -> bool:
    """Whether the store failed and may work again by itself, as when the disk is full: work is to be tried again."""
    if isinstance(failure, sqlite3.Error | StoreUnavailable):
        return True
    return isinstance(failure, OSError) and failure.errno in _PASSING


@contextmanager
def one_of_many(what: str, name: object) -> Iterator[None]:
    """`what` and `name` say in the log what failed; what the record holds is not logged."""
    try:
        yield
    except Exception as failure:
        log.error(
            "%s %s failed and is passed over this time: %s: %s", what, name, type(failure).__name__, failure
        )
