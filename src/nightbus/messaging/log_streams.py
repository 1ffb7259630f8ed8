"""Defines under which names log groups, streams and their events are kept, and how an event is encoded.

A stream's key joins group and stream by a colon, which neither name may hold, so that `a` + `b/c` and `a/b` + `c`
stay apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import orjson

from nightbus.aws.calls import Scope
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Append, Change, PutRecord, RecordReader, RequireRecord, Store, TrimLog

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
    scope: Scope,
    group: str,
    stream: str,
    events: Iterable[tuple[int, str]],
    ingested: int,
    key_of: Callable[[str], str] = lambda message: "",
) -> Iterator[Append]:
    """The changes that add `events` (UTC milliseconds, message) to the stream; `key_of` a message it can be found."""
    log = log_name(group, stream)
    for time, message in events:
        try:
            data = orjson.dumps([ingested, message])
        except (
            TypeError
        ):  # a lone surrogate, which a client can put into it as an escape, cannot be kept as UTF-8
            message = message.encode("utf-8", "replace").decode()
            data = orjson.dumps([ingested, message])
        yield Append(scope, log, time, data, key_of(message))


def create_group(
    scope: Scope, group: str, now: int, tags: dict[str, str] | None = None, log_class: str = "STANDARD"
) -> PutRecord:
    value = {"created": now, "retention": None, "class": log_class, "tags": tags or {}}
    return PutRecord(scope, GROUP, group, value, expect=0)


def create_stream(scope: Scope, group: str, stream: str, now: int) -> list[Change]:
    """A new stream is empty, whatever a late writer added to one of this name after its deletion."""
    return [
        PutRecord(scope, STREAM, stream_key(group, stream), {"created": now}, expect=0),
        TrimLog(scope, log_name(group, stream)),
    ]


async def required_stream(store: RecordReader, scope: Scope, group: str, stream: str) -> RequireRecord | None:
    """What makes a commit depend on the stream, so that nothing is added to one that is deleted; None without one."""
    key = stream_key(group, stream)
    record = await store.get(scope, STREAM, key)
    return None if record is None else RequireRecord(scope, STREAM, key, record.revision)


@retries_on_conflict
async def ensure_stream(store: Store, scope: Scope, group: str, stream: str, now: int) -> None:
    """The stream and its group are there when this returns."""
    if await store.get(scope, STREAM, stream_key(group, stream)) is not None:
        return
    await store.commit(*await creation(store, scope, group, stream, now))


async def creation(store: Store, scope: Scope, group: str, stream: str, now: int) -> list[Change]:
    """What makes the stream, and its group unless that is there."""
    record = await store.get(scope, GROUP, group)
    standing = (
        create_group(scope, group, now)
        if record is None
        else RequireRecord(scope, GROUP, group, record.revision)
    )
    return [standing, *create_stream(scope, group, stream, now)]
