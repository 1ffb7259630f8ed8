"""Decides which lines of a log are written, by the log levels of a function whose log format is JSON. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
"""

from __future__ import annotations

import json
from collections.abc import Callable

TRACE, DEBUG, INFO, WARN, ERROR, FATAL = 0, 10, 20, 30, 40, 50
_LEVELS = {
    "TRACE": TRACE,
    "DEBUG": DEBUG,
    "INFO": INFO,
    "WARN": WARN,
    "WARNING": WARN,
    "ERROR": ERROR,
    "FATAL": FATAL,
    "CRITICAL": FATAL,
}


def level_number(name: str) -> int:
    """Lambda takes an unknown level for INFO."""
    return _LEVELS.get(name.upper(), INFO)


def line_filter(least: int) -> Callable[[str], bool]:
    """Return the check of whether a printed line is written where `least` is the application's log level.

    What is not a JSON object is written, whatever the level.
    """

    def is_written(line: str) -> bool:
        if not line.startswith("{"):
            return True
        try:
            record = json.loads(line)
        except ValueError:
            return True
        level = record.get("level")
        return level_number(level if isinstance(level, str) else "") >= least

    return is_written
