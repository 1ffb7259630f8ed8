"""A client's text makes no line of the log, and moves no cursor."""

from __future__ import annotations

import logging
import sys

from nightbus.cli.log_lines import OneLine


def formatted(text: str) -> str:
    return OneLine().format(logging.LogRecord("nightbus.audit", logging.WARNING, "", 0, text, (), None))


def test_a_message_is_one_line_without_control_characters() -> None:
    line = formatted(
        "refused: key\r\n2026 INFO forged\x1b[2J\u2028\x9b1A \N{LATIN SMALL LETTER E WITH ACUTE}\t."
    )
    assert line.endswith("refused: key\\r\\n2026 INFO forged\\x1b[2J\\u2028\\x9b1A é\t.")
    assert len(line.splitlines()) == 1


def test_a_traceback_keeps_its_lines() -> None:
    try:
        raise ValueError
    except ValueError:
        record = logging.LogRecord("nightbus", logging.ERROR, "", 0, "failed", (), sys.exc_info())
    assert OneLine().format(record).splitlines()[-1] == "ValueError"
