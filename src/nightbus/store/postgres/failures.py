"""Tells failures of the connection or the server from those of a statement.

SQLSTATE classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

# 28: the server lets the role in no more, since its password was changed while nodes run
_OUTAGE_CLASSES = frozenset({"08", "28", "53", "57", "58", "XX"})
# A session that was ended since it did nothing in a transaction; a server that became a standby.
_OUTAGES = frozenset({"25P03", "25006"})
_NOT_OUTAGES = frozenset({"57014"})  # query_canceled
_TRIED_AGAIN = frozenset({"40001", "40P01", "55P03"})


def is_outage(failure: BaseException) -> bool:
    """Whether the server or the way to it failed: the same may work with another connection, or later."""
    import asyncpg

    if isinstance(failure, asyncpg.PostgresError):
        state = failure.sqlstate or ""
        return (state[:2] in _OUTAGE_CLASSES or state in _OUTAGES) and state not in _NOT_OUTAGES
    if isinstance(failure, asyncpg.DataError):  # of the client's, though it is an InterfaceError
        return False
    return isinstance(failure, OSError | TimeoutError | asyncpg.InterfaceError | asyncpg.InternalClientError)


def is_tried_again(failure: BaseException) -> bool:
    """Whether the transaction lost against others, by a serialization failure or a deadlock, and may win next time."""
    return getattr(failure, "sqlstate", None) in _TRIED_AGAIN


def is_lack_of_room(failure: BaseException) -> bool:
    """Whether the server says that it has no room for what was to be written: on its disk, or in memory."""
    return str(getattr(failure, "sqlstate", None) or "").startswith("53")
