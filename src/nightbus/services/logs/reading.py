"""Answers GetLogEvents, which reads one stream, and FilterLogEvents, which searches the streams of a group."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nightbus.aws.grammar import whole_number
from nightbus.aws.pagination import decode_token, encode_token
from nightbus.messaging.log_streams import STREAM, log_name, stream_key, stream_of
from nightbus.services.context import Context
from nightbus.services.logs.encryption_keys import require_key
from nightbus.services.logs.errors import bad_token, invalid, no_stream
from nightbus.services.logs.events import content, event_id, output_event
from nightbus.services.logs.filter_pattern import compile_pattern
from nightbus.services.logs.groups import group_name, require_group
from nightbus.services.logs.positions import LogPosition, Window, position_of, read_after, read_before
from nightbus.services.logs.retention import expired_before
from nightbus.services.logs.streams import require_stream
from nightbus.store.interface import Entry, Record

_MOST_EVENTS = 10_000
_MOST_BYTES = 1_048_576
_EVENT_OVERHEAD = 26
_EXAMINED = 20_000  # entries that one FilterLogEvents examines before it answers with a token
_READ = 2_000
_READ_LEAST = 500
_MOST_STREAMS = 100
_FIRST_DESCENDING = 1_704_067_200_000  # 2024-01-01: AWS reads older events only in ascending order
_TOKEN = re.compile(r"([fb])/(\d{56})/s")
_OFFSET_BITS = 144


async def get_log_events(
    ctx: Context,
    *,
    log_group_name: str | None = None,
    log_group_identifier: str | None = None,
    log_stream_name: str,
    start_time: int | None = None,
    end_time: int | None = None,
    next_token: str | None = None,
    limit: int = _MOST_EVENTS,
    start_from_head: bool = False,
    unmask: bool = False,
) -> dict[str, Any]:
    """Return events of one stream. `unmask` has no effect, because there is no data protection that masks events."""
    name = group_name(log_group_name, log_group_identifier)
    group = await require_group(ctx, name)
    await require_key(ctx, group)
    await require_stream(ctx, name, log_stream_name)
    log = log_name(name, log_stream_name)
    window = _window(ctx, group, [log], start_time, end_time)
    forward, position = _direction(next_token, start_from_head, log)
    if forward:
        entries = _within_size(await read_after(ctx.store, window, position, limit))
    else:
        entries = _within_size(await read_before(ctx.store, window, position, limit))[::-1]
    ahead, back = _tokens(entries, position, forward)
    return {
        "events": [output_event(entry) for entry in entries],
        "nextForwardToken": ahead,
        "nextBackwardToken": back,
    }


def _window(ctx: Context, group: Record, logs: Sequence[str], start: int | None, end: int | None) -> Window:
    since = max(start or 0, expired_before(group, ctx.now_ms()) or 0)
    if end is None:
        return Window(ctx.scope, logs, since)
    return Window(ctx.scope, logs, since, end)


def _direction(token: str | None, from_head: bool, log: str) -> tuple[bool, LogPosition | None]:
    if not token:
        return from_head, None
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise bad_token()
    number = int(match[2])
    position = LogPosition(number >> _OFFSET_BITS, number & ((1 << _OFFSET_BITS) - 1), log)
    return match[1] == "f", position


def _tokens(entries: Sequence[Entry], position: LogPosition | None, forward: bool) -> tuple[str, str]:
    """Return the forward and the backward token. At the end of the stream the token in the direction of the call is
    the one that the call had, which is how a client sees that there are no more events."""
    if entries:
        return _token("f", entries[-1].time, entries[-1].offset), _token(
            "b", entries[0].time, entries[0].offset
        )
    if position is None:
        return _token("f", 0, 0), _token("b", 0, 0)
    time, offset, _ = position
    after, before = (offset, offset + 1) if forward else (max(0, offset - 1), offset)
    return _token("f", time, after), _token("b", time, before)


def _token(direction: str, time: int, offset: int) -> str:
    return f"{direction}/{time << _OFFSET_BITS | offset:056d}/s"


def _within_size(entries: Sequence[Entry]) -> list[Entry]:
    """Return the first entries that fit into a response of 1 MB, and at least one."""
    size = 0
    fitting: list[Entry] = []
    for entry in entries:
        size += len(entry.data) + _EVENT_OVERHEAD
        if size > _MOST_BYTES and fitting:
            break
        fitting.append(entry)
    return fitting


@dataclass(slots=True)
class _Page:
    """The events that one FilterLogEvents has collected, and the position up to which it has read."""

    events: list[dict[str, Any]]
    position: LogPosition | None
    size: int = 0
    examined: int = 0
    at_end: bool = False


async def filter_log_events(
    ctx: Context,
    *,
    log_group_name: str | None = None,
    log_group_identifier: str | None = None,
    log_stream_names: list[str] | None = None,
    log_stream_name_prefix: str | None = None,
    start_time: int | None = None,
    end_time: int | None = None,
    filter_pattern: str = "",
    next_token: str | None = None,
    limit: int = _MOST_EVENTS,
    start_from_head: bool = True,
    interleaved: bool = True,
    unmask: bool = False,
) -> dict[str, Any]:
    """Return the matching events of a group. `interleaved` has no effect: all streams are in one order, as on AWS."""
    name = group_name(log_group_name, log_group_identifier)
    if log_stream_names is not None and log_stream_name_prefix is not None:
        raise invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters.")
    if not start_from_head and (start_time or 0) < _FIRST_DESCENDING:
        raise invalid("startFromHead=false requires a startTime on or after Jan 1, 2024 00:00:00 UTC.")
    matches = compile_pattern(filter_pattern)
    group = await require_group(ctx, name)
    await require_key(ctx, group)
    logs = sorted(await _logs(ctx, name, log_stream_names, log_stream_name_prefix))
    window = _window(ctx, group, logs, start_time, end_time)
    page = _Page([], _decoded(next_token) if next_token else None)
    await _fill(ctx, page, window, matches, limit, start_from_head)
    token = None
    if not page.at_end and page.position is not None:
        token = encode_token("{}:{}:{}".format(*page.position))
    return {"events": page.events, "searchedLogStreams": [], "nextToken": token}


async def _logs(ctx: Context, group: str, names: list[str] | None, prefix: str | None) -> list[str]:
    if names is not None:
        if len(names) > _MOST_STREAMS:
            raise invalid(f"No more than {_MOST_STREAMS} log streams can be searched by name.")
        for name in names:
            if await ctx.store.get(ctx.scope, STREAM, stream_key(group, name)) is None:
                raise no_stream()
        return [log_name(group, name) for name in dict.fromkeys(names)]
    records = await ctx.store.list(ctx.scope, STREAM, prefix=stream_key(group, prefix or ""))
    return [log_name(group, stream_of(record.key)) for record in records]


async def _fill(
    ctx: Context,
    page: _Page,
    window: Window,
    matches: Callable[[str], bool],
    limit: int,
    ascending: bool,
) -> None:
    read = read_after if ascending else read_before
    while page.examined < _EXAMINED:
        # Examining an entry that does not match costs less than another read, so a small page reads far ahead too.
        batch = min(_READ, max(_READ_LEAST, limit + 1))
        entries = await read(ctx.store, window, page.position, batch)
        for entry in entries:
            if not _take(page, entry, matches, limit):
                return
        if len(entries) < batch:
            page.at_end = True
            return


def _take(page: _Page, entry: Entry, matches: Callable[[str], bool], limit: int) -> bool:
    """Add the entry to the page if it matches. Returns False if it matches and the page is full."""
    message = content(entry)[1]
    if matches(message):
        size = len(message.encode()) + _EVENT_OVERHEAD
        if len(page.events) >= limit or (page.events and page.size + size > _MOST_BYTES):
            return False
        page.size += size
        page.events.append(_filtered(entry))
    page.examined += 1
    page.position = position_of(entry)
    return True


def _filtered(entry: Entry) -> dict[str, Any]:
    stream = entry.log.partition(":")[2]
    return {"logStreamName": stream, **output_event(entry), "eventId": event_id(entry)}


def _decoded(token: str) -> LogPosition:
    time, _, offset_and_log = decode_token(token, bad_token()).partition(":")
    offset, _, log = offset_and_log.partition(":")
    numbers = whole_number(time), whole_number(offset)
    if numbers[0] is None or numbers[1] is None:
        raise bad_token()
    return LogPosition(numbers[0], numbers[1], log)
