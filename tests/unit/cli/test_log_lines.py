"""A client's text makes no line of the log, and moves no cursor."""

from __future__ import annotations

import logging
import sys

from nightbus.cli.log_lines import OneLine
from nightbus.store.changes import StoreUnavailable


def after(failure: Exception) -> list[str]:
    """The lines that tell of work that failed so."""
    try:
        raise failure
    except Exception:
        record = logging.LogRecord(
            "nightbus", logging.ERROR, "", 0, "item %d broke off", (7,), sys.exc_info()
        )
    lines = OneLine().format(record).splitlines()
    assert record.exc_info, "another handler has it, too"
    return lines


def formatted(text: str) -> str:
    return OneLine().format(logging.LogRecord("nightbus.audit", logging.WARNING, "", 0, text, (), None))


def test_a_message_is_one_line_without_control_characters() -> None:
    line = formatted(
        "refused: key\r\n2026 INFO forged\x1b[2J\u2028\x9b1A \N{LATIN SMALL LETTER E WITH ACUTE}\t."
    )
    assert line.endswith("refused: key\\r\\n2026 INFO forged\\x1b[2J\\u2028\\x9b1A é\t.")
    assert len(line.splitlines()) == 1


def test_a_traceback_keeps_its_lines() -> None:
    lines = after(ValueError())
    assert lines[0].endswith("item 7 broke off") and lines[-1] == "ValueError"


def test_a_store_that_is_away_is_one_line() -> None:
    (line,) = after(StoreUnavailable("The database refuses it:\nno room"))
    assert line.endswith("item 7 broke off: The database refuses it:\\nno room")
