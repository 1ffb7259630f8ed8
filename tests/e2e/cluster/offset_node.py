"""Runs `nightbus` as on a machine whose clock is wrong by NIGHTBUS_TEST_CLOCK_OFFSET seconds."""

from __future__ import annotations

import os
import time

from nightbus.cli.main import main
from nightbus.clock import SystemClock

_OFFSET_MS = int(os.environ["NIGHTBUS_TEST_CLOCK_OFFSET"]) * 1000


def _wrong_ms(self: SystemClock) -> int:
    return time.time_ns() // 1_000_000 + _OFFSET_MS


if __name__ == "__main__":
    SystemClock.now_ms = _wrong_ms  # type: ignore[method-assign]
    main()
