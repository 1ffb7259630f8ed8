"""Shows log groups, streams, and their lines with the invocations that wrote them: `/logs/…`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import orjson

from nightbus.aws.trace_header import segment_of
from nightbus.console.api.log_lines import LineReader, LogLine, request_of
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Limit, Milliseconds, Next, Page
from nightbus.delivery.trace_log import origin_of
from nightbus.functions.logs.platform_events import started_request
from nightbus.messaging.log_streams import log_name
from nightbus.services.lambda_.invocations.log_lines import entries_of_runs
from nightbus.store.interface import Store

_MOST_OF_A_CALL = 50  # groups or streams, as AWS's operations have it
_OFFSET = (1 << 64) - 1  # the bits of a line's id that are its offset
_FIRST_DESCENDING = 1_704_067_200_000  # before 2024 FilterLogEvents reads only forwards
_MOST_BACK = 500  # lines before the first one shown, among which its invocation's START is looked for
_MOST_ORIGINS = 100


class LogGroup(Answer, frozen=True):
    """`retention` is in days, null for ever."""

    name: str
    created: int
    retention: int | None
    bytes: int


class LogGroups(Answer, frozen=True):
    groups: list[LogGroup]
    next: str | None


class LogStream(Answer, frozen=True):
    name: str
    created: int
    first: int | None
    last: int | None


class LogStreams(Answer, frozen=True):
    streams: list[LogStream]
    next: str | None


class LogLines(Answer, frozen=True):
    """The newest first."""

    events: list[LogLine]
    next: str | None


class GroupQuery(Page, frozen=True):
    prefix: Annotated[str, msgspec.Meta(max_length=512)] = ""


class StreamQuery(Page, frozen=True, kw_only=True):
    group: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    prefix: Annotated[str, msgspec.Meta(max_length=512)] = ""


class LineQuery(Page, frozen=True, kw_only=True, rename={"since": "from", "until": "to"}):
    """Without `stream`, the lines of all streams. `filter` is a filter pattern, as FilterLogEvents takes it. With
    `request`, a request id, only the lines of this invocation, all of them and the oldest first."""

    group: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    stream: Annotated[str, msgspec.Meta(max_length=512)] = ""
    filter: Annotated[str, msgspec.Meta(max_length=1024)] = ""
    request: Annotated[str, msgspec.Meta(max_length=100)] = ""
    since: Milliseconds | None = None
    until: Milliseconds | None = None
    limit: Limit = 100
    next: Next = ""


async def list_groups(request: ApiRequest, query: GroupQuery) -> LogGroups:
    """List log groups by name."""
    named = {"logGroupNamePrefix": query.prefix} if query.prefix else {}
    found, token = await _some(request, "DescribeLogGroups", "logGroups", query, named)
    groups = [
        LogGroup(
            name=one["logGroupName"],
            created=one["creationTime"],
            retention=one.get("retentionInDays"),
            bytes=one.get("storedBytes") or 0,
        )
        for one in found
    ]
    return LogGroups(groups=groups, next=token)


async def list_streams(request: ApiRequest, query: StreamQuery) -> LogStreams:
    """List the streams of a group, those with the newest lines first; with `prefix`, by name."""
    order = (
        {"logStreamNamePrefix": query.prefix}
        if query.prefix
        else {"orderBy": "LastEventTime", "descending": True}
    )
    found, token = await _some(
        request, "DescribeLogStreams", "logStreams", query, {"logGroupName": query.group, **order}
    )
    streams = [
        LogStream(
            name=one["logStreamName"],
            created=one["creationTime"],
            first=one.get("firstEventTimestamp"),
            last=one.get("lastEventTimestamp"),
        )
        for one in found
    ]
    return LogStreams(streams=streams, next=token)


async def list_lines(request: ApiRequest, query: LineQuery) -> LogLines:
    """List the lines of a group or a stream, the newest first, each with its invocation and its event."""
    if query.request:
        return await _lines_of_invocation(request, query)
    params: dict[str, Any] = {
        "logGroupName": query.group,
        "startTime": max(query.since or 0, _FIRST_DESCENDING),
        "startFromHead": False,
        "limit": query.limit,
        "filterPattern": query.filter,
    }
    params |= {"logStreamNames": [query.stream]} if query.stream else {}
    params |= {"endTime": query.until} if query.until is not None else {}
    params |= {"nextToken": query.next} if query.next else {}
    reply = await request.read("logs", "FilterLogEvents", **params)
    invocations = await _invocations(request, query, reply["events"])
    origins = await _origins(request.store, invocations)
    lines = [
        LogLine(
            id=one["eventId"],
            group=query.group,
            stream=one["logStreamName"],
            time=one["timestamp"],
            ingested=one["ingestionTime"],
            message=one["message"],
            request_id=request_id,
            event_id=origins.get(request_id, ""),
        )
        for one, request_id in zip(reply["events"], invocations, strict=True)
    ]
    return LogLines(events=lines, next=reply.get("nextToken"))


async def _lines_of_invocation(request: ApiRequest, query: LineQuery) -> LogLines:
    segment = segment_of(query.request)
    logs = await request.store.logs(request.scope, log_name(query.group, ""))
    runs = await entries_of_runs(request.store, request.scope, logs, segment)
    origin = await origin_of(request.store, segment)
    reader = LineReader("" if origin is None else origin.event_id)
    return LogLines(events=[reader.line(entry) for run in runs for entry in run], next=None)


async def _some(
    request: ApiRequest, operation: str, member: str, query: Page, params: dict[str, Any]
) -> tuple[list[dict[str, Any]], str | None]:
    """As many as the query asks for, of an operation that gives a few at a time."""
    found: list[dict[str, Any]] = []
    token: str | None = query.next or None
    while len(found) < query.limit:
        limit = min(_MOST_OF_A_CALL, query.limit - len(found))
        paged = {"nextToken": token} if token else {}
        reply = await request.read("logs", operation, **params, **paged, limit=limit)
        found += reply[member]
        token = reply.get("nextToken")
        if not token:
            break
    return found, token


async def _invocations(request: ApiRequest, query: LineQuery, events: Sequence[dict[str, Any]]) -> list[str]:
    """By line, the request id of the invocation that wrote it. A line that names none is of the one whose START line is
    the last before it."""
    found = [request_of(one["message"]) for one in events]
    unknown: dict[str, list[int]] = {}
    for at, one in enumerate(events):
        if not found[at]:
            unknown.setdefault(one["logStreamName"], []).append(at)
    for stream, places in unknown.items():
        offsets = [int(events[at]["eventId"]) & _OFFSET for at in places]
        starts = await _starts(request, log_name(query.group, stream), min(offsets), max(offsets))
        for at, offset in zip(places, offsets, strict=True):
            found[at] = next((name for start, name in starts if start < offset), "")
    return found


async def _starts(request: ApiRequest, log: str, first: int, last: int) -> list[tuple[int, str]]:
    """The START lines before `last`, backwards to the first one before `first`: offset and request id."""
    starts: list[tuple[int, str]] = []
    at, looked_at = last, 0
    while looked_at < _MOST_BACK + 1_000:
        entries = await request.store.read(request.scope, log, after=at, limit=_MOST_BACK, backwards=True)
        for entry in entries:
            name = started_request(str(orjson.loads(entry.data)[1]))
            if name:
                starts.append((entry.offset, name))
                if entry.offset < first:
                    return starts
        if len(entries) < _MOST_BACK:
            break
        at, looked_at = entries[-1].offset, looked_at + len(entries)
    return starts


async def _origins(store: Store, invocations: Sequence[str]) -> dict[str, str]:
    """By request id, the event that led to the invocation."""
    origins = {}
    for request_id in list(dict.fromkeys(one for one in invocations if one))[:_MOST_ORIGINS]:
        origin = await origin_of(store, segment_of(request_id))
        if origin is not None:
            origins[request_id] = origin.event_id
    return origins


ROUTES: Routes = {
    "GET /logs/groups": list_groups,
    "GET /logs/streams": list_streams,
    "GET /logs/events": list_lines,
}
