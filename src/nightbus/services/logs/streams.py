"""Creates, describes, writes to and deletes log streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nightbus.aws.pagination import page
from nightbus.messaging.log_streams import (
    GROUP,
    STREAM,
    appends,
    create_stream,
    log_name,
    stream_key,
    stream_of,
)
from nightbus.services.context import Context
from nightbus.services.logs.admission import admit_batch
from nightbus.services.logs.encryption_keys import require_key
from nightbus.services.logs.errors import bad_token, exists, invalid, no_stream
from nightbus.services.logs.events import content
from nightbus.services.logs.groups import group_arn, group_name, require_group
from nightbus.services.logs.retention import expired_before
from nightbus.services.logs.subscriptions.records import without_stream
from nightbus.store.interface import DeleteRecord, Entry, Record, RequireRecord, TrimLog

_PAGE = 50


async def require_stream(ctx: Context, group: str, stream: str) -> Record:
    record = await ctx.store.get(ctx.scope, STREAM, stream_key(group, stream))
    if record is None:
        raise no_stream()
    return record


async def create_log_stream(ctx: Context, *, log_group_name: str, log_stream_name: str) -> None:
    group = await require_group(ctx, log_group_name)
    if await ctx.store.get(ctx.scope, STREAM, stream_key(log_group_name, log_stream_name)) is not None:
        raise exists("log stream")
    await ctx.store.commit(
        RequireRecord(ctx.scope, GROUP, group.key, group.revision),
        *create_stream(ctx.scope, log_group_name, log_stream_name, ctx.now_ms()),
    )


async def delete_log_stream(ctx: Context, *, log_group_name: str, log_stream_name: str) -> None:
    await require_group(ctx, log_group_name)
    record = await require_stream(ctx, log_group_name, log_stream_name)
    await ctx.store.commit(
        DeleteRecord(ctx.scope, STREAM, record.key),
        TrimLog(ctx.scope, log_name(log_group_name, log_stream_name)),
        *await without_stream(ctx, log_group_name, log_stream_name),
    )


async def put_log_events(
    ctx: Context,
    *,
    log_group_name: str,
    log_stream_name: str,
    log_events: list[dict[str, Any]],
    sequence_token: str | None = None,
) -> dict[str, Any]:
    """Append events to a stream. `sequence_token` is ignored, as on AWS."""
    group = await require_group(ctx, log_group_name)
    await require_key(ctx, group)
    stream = await require_stream(ctx, log_group_name, log_stream_name)
    now = ctx.now_ms()
    admission = admit_batch(log_events, now, expired_before(group, now))
    await ctx.store.commit(
        RequireRecord(ctx.scope, STREAM, stream.key, stream.revision),
        *appends(ctx.scope, log_group_name, log_stream_name, admission.events, now),
    )
    return {"nextSequenceToken": _sequence_token(now), "rejectedLogEventsInfo": admission.rejected}


@dataclass(frozen=True, slots=True)
class _Extent:
    """A stream with its first and its last event, which are read from its log."""

    record: Record
    first: Entry | None
    last: Entry | None

    @property
    def last_time(self) -> int:
        return self.last.time if self.last else 0


async def describe_log_streams(
    ctx: Context,
    *,
    log_group_name: str | None = None,
    log_group_identifier: str | None = None,
    log_stream_name_prefix: str = "",
    order_by: str = "LogStreamName",
    descending: bool = False,
    limit: int = _PAGE,
    next_token: str | None = None,
) -> dict[str, Any]:
    group = group_name(log_group_name, log_group_identifier)
    if order_by == "LastEventTime" and log_stream_name_prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    await require_group(ctx, group)
    records = await ctx.store.list(ctx.scope, STREAM, prefix=stream_key(group, log_stream_name_prefix))
    if order_by == "LastEventTime":
        extents = [await _extent(ctx, group, record) for record in records]
        records = [one.record for one in sorted(extents, key=lambda one: one.last_time)]
    if descending:
        records.reverse()
    ranks = {record.key: f"{rank:012d}" for rank, record in enumerate(records)}
    page_items, token = page(records, lambda record: ranks[record.key], limit, next_token, bad_token())
    streams = [_described(ctx, group, await _extent(ctx, group, record)) for record in page_items]
    return {"logStreams": streams, "nextToken": token}


async def _extent(ctx: Context, group: str, record: Record) -> _Extent:
    logs = [log_name(group, stream_of(record.key))]
    first = await ctx.store.read(ctx.scope, logs, limit=1)
    last = await ctx.store.read(ctx.scope, logs, limit=1, backwards=True) if first else []
    return _Extent(record, first[0] if first else None, last[0] if last else None)


def _described(ctx: Context, group: str, extent: _Extent) -> dict[str, Any]:
    name = stream_of(extent.record.key)
    described = {
        "logStreamName": name,
        "creationTime": extent.record.value["created"],
        "arn": f"{group_arn(ctx, group)}:log-stream:{name}",
        "storedBytes": 0,  # AWS has reported 0 for every stream since 2019
        "uploadSequenceToken": _sequence_token(extent.last_time),
    }
    if extent.first and extent.last:
        described["firstEventTimestamp"] = extent.first.time
        described["lastEventTimestamp"] = extent.last.time
        described["lastIngestionTime"] = content(extent.last)[0]
    return described


def _sequence_token(time: int) -> str:
    return f"49{time:054d}"
