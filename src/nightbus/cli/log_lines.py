"""Formats the node's log: one line for a message, whatever text of a client is in it."""

from __future__ import annotations

import copy
import logging
import re

from nightbus.store.changes import StoreUnavailable

_FORM = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_FORM_OF_WORKER = "%(asctime)s worker {number} %(levelname)s %(name)s: %(message)s"
# What ends a line, or moves a terminal's cursor: a client could write lines of its own, or hide others.
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]")


class OneLine(logging.Formatter):
    """Escapes control characters of messages. The traceback of a failure follows on lines of its own, but for a store
    that is away or has no room: each piece of work that waits for it says so, and where it waits is no news.

    `worker`: which of several processes the lines are of, by default none.
    """

    def __init__(self, worker: int | None = None) -> None:
        super().__init__(_FORM if worker is None else _FORM_OF_WORKER.format(number=worker))

    def format(self, record: logging.LogRecord) -> str:
        failure = record.exc_info[1] if record.exc_info else None
        if isinstance(failure, StoreUnavailable):
            record = copy.copy(record)
            record.msg, record.args = f"{record.getMessage()}: {failure}", ()
            record.exc_info = record.exc_text = None
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:
        return _CONTROL.sub(_escaped, super().formatMessage(record))


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
