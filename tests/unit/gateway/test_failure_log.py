"""A failure that comes again and again has its traceback in the log once a minute."""

from __future__ import annotations

import errno
import logging
import sqlite3

import pytest

from nightbus.clock import VirtualClock
from nightbus.gateway.failure_log import Failures, error_of
from nightbus.store.interface import StoreUnavailable


async def test_a_traceback_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    clock = VirtualClock()
    failures = Failures(clock)
    full = OSError("disk full")
    caplog.set_level(logging.ERROR)
    for _ in range(3):
        failures.tell("sqs:SendMessage", "r", full)
    failures.tell("sqs:SendMessage", "r", OSError("another"))
    failures.tell("sns:Publish", "r", full)
    await clock.advance(61)
    failures.tell("sqs:SendMessage", "r", full)
    assert [bool(record.exc_info) for record in caplog.records] == [True, False, False, True, True, True]
    assert caplog.records[1].getMessage() == "sqs:SendMessage failed (request r): OSError: disk full"


def test_what_is_remembered_is_bounded() -> None:
    failures = Failures(VirtualClock())
    for number in range(300):
        failures.tell("s:O", "r", OSError(str(number)))
    assert len(failures._logged_at) <= 100


def _sqlite_full() -> Exception:
    """The error of a database that may not grow, as SQLite raises it."""
    database = sqlite3.connect(":memory:")
    database.execute("PRAGMA max_page_count = 1")
    with pytest.raises(sqlite3.OperationalError) as raised:
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (zeroblob(100000))")
    return raised.value


@pytest.mark.parametrize("full", [OSError(errno.ENOSPC, "No space left on device"), _sqlite_full()])
def test_a_full_disk_is_said_in_one_line_and_to_the_client(
    full: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    error = error_of(full)
    assert (error.code, error.status, error.message) == (
        "ServiceUnavailable",
        503,
        "The disk of this node is full. Nothing was changed.",
    )
    Failures(VirtualClock()).tell("sqs:SendMessage", "r", full)
    assert [record.exc_info for record in caplog.records] == [None]


def test_a_store_that_is_away_is_said_in_one_line_and_to_the_client(caplog: pytest.LogCaptureFixture) -> None:
    error = error_of(StoreUnavailable("away"))
    assert (error.code, error.status) == ("ServiceUnavailable", 503)
    Failures(VirtualClock()).tell("sqs:SendMessage", "r", StoreUnavailable("away"))
    assert [record.exc_info for record in caplog.records] == [None]


def test_any_other_failure_is_internal() -> None:
    assert (error_of(KeyError("x")).code, error_of(OSError(errno.EIO, "x")).status) == (
        "InternalFailure",
        500,
    )
