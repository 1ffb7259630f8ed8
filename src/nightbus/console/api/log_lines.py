"""Makes the lines of logs: what an entry of a stream says, and which invocation wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from nightbus.bounded import Bounded
from nightbus.console.api.values import Answer
from nightbus.functions.logs.platform_events import started_request
from nightbus.messaging.log_streams import log_name
from nightbus.services.logs.events import content, event_id
from nightbus.services.logs.filter_pattern import compile_pattern
from nightbus.store.interface import Entry

_PREFIX = log_name("", "").rstrip(":")
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
# As the runtimes of Lambda write it: of the platform, of a logger in text, and in JSON.
_REQUEST_ID = re.compile(
    rf'(?:RequestId: |^[^\t\n]{{0,40}}\t|"(?:requestId|AWSRequestId|aws_request_id)" ?: ?")({_UUID})'
)
_MOST_STREAMS = 1_000
_LOOKED_AT = 2_000  # characters


class LogLine(Answer, frozen=True):
    """`request_id` is the invocation that wrote it, and `event_id` the event that led to this invocation, "" where they
    are not known. `id` is the line's for GetLogRecord and the like."""

    id: str
    group: str
    stream: str
    time: int
    ingested: int
    message: str
    request_id: str
    event_id: str = ""


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Says which messages a filter pattern asks for."""

    admits: Callable[[str], bool]

    @classmethod
    def of(cls, pattern: str) -> LineFilter:
        """Raises AwsError for an invalid pattern."""
        return cls(compile_pattern(pattern))


class LineReader:
    """Makes lines of entries that come in order: an invocation begins with its START line. `event_id` is the event of
    all of them, "" where that is not known."""

    def __init__(self, event_id: str = "") -> None:
        self._event_id = event_id
        self._invocations: Bounded[str, str] = Bounded(_MOST_STREAMS)  # by the log of the stream, the newest

    def line(self, entry: Entry) -> LogLine:
        ingested, message = content(entry)
        group, _, stream = entry.log.removeprefix(_PREFIX).partition(":")
        request_id = request_of(message)
        if started_request(message):
            self._invocations[entry.log] = request_id
        request_id = request_id or self._invocations.get(entry.log, "")
        return LogLine(
            id=event_id(entry),
            group=group,
            stream=stream,
            time=entry.time,
            ingested=ingested,
            message=message,
            request_id=request_id,
            event_id=self._event_id,
        )


def request_of(message: str) -> str:
    """The request id that a message names as its own, "" where it names none."""
    found = started_request(message)
    if found:
        return found
    match = _REQUEST_ID.search(message, 0, _LOOKED_AT)
    return match[1] if match else ""
