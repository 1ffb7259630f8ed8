"""Under which names are log groups, streams and their events kept, and how does one event lie there?

A stream's key joins group and stream by a colon, which neither name may hold, so that `a` + `b/c` and `a/b` + `c`
stay apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import orjson

from nightbus.aws.calls import Scope
from nightbus.store.interface import Append

GROUP = "logs/group"
STREAM = "logs/stream"


def stream_key(group: str, stream: str) -> str:
    return f"{group}:{stream}"


def stream_of(key: str) -> str:
    return key.partition(":")[2]


def log_name(group: str, stream: str) -> str:
    """The name of the store's log that holds the stream's events."""
    return f"logs/{stream_key(group, stream)}"


def appends(
    scope: Scope, group: str, stream: str, events: Iterable[tuple[int, str]], ingested: int
) -> Iterator[Append]:
    """The changes that add `events` (UTC milliseconds, message) to the stream."""
    log = log_name(group, stream)
    for time, message in events:
        # A lone surrogate, which a client can put into a message as an escape, cannot be kept as UTF-8.
        text = message.encode("utf-8", "replace").decode()
        yield Append(scope, log, time, orjson.dumps([ingested, text]))
