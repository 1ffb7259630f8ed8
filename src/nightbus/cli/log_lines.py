"""Formats the node's log: one line for a message, whatever text of a client is in it."""

from __future__ import annotations

import logging
import re

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_FORM_OF_WORKER = "%(asctime)s worker {number} %(levelname)s %(name)s: %(message)s"
# What ends a line, or moves a terminal's cursor: a client could write lines of its own, or hide others.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


class OneLine(logging.Formatter):
    """Escapes control characters of messages. The traceback of a failure follows on lines of its own.

    `worker`: which of several processes the lines are of, by default none.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__(_FORM if worker is None else _FORM_OF_WORKER.format(number=worker))

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(_escaped, super().formatMessage(record))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
