"""A failure that comes again and again has its traceback in the log once a minute."""

from __future__ import annotations

import logging

import pytest

from nightbus.clock import VirtualClock
from nightbus.gateway.failure_log import Failures


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
