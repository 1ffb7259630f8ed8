"""Tests wait on a condition, never on the clock alone; the time to wait is one that only a hang reaches."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(condition: Callable[[], T | None], seconds: float = 60.0) -> T:
    """The first true value of `condition`, asked again and again; fails when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {condition}; last value {value!r}")
        time.sleep(0.02)
