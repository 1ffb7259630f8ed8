"""Under which names are groups, streams and their events kept?

A stream's key joins group and stream by a colon, which neither name may hold, so that `a` + `b/c` and `a/b` + `c`
stay apart.
"""

from __future__ import annotations

GROUP = "logs/group"
STREAM = "logs/stream"


def stream_key(group: str, stream: str) -> str:
    return f"{group}:{stream}"


def stream_of(key: str) -> str:
    return key.partition(":")[2]


def log_name(group: str, stream: str) -> str:
    """The name of the store's log that holds the stream's events."""
    return f"logs/{stream_key(group, stream)}"
