"""Commits changes of objects together with the notifications that follow from them.

What a queue, a topic or a function is to get is a job of the dispatcher (`jobs.py`) in the very commit of the object,
and what the default event bus gets is put on it in that commit: an object that was answered as stored is on disk
together with its notifications. A bucket without a configuration costs a look into its record, which each write reads
anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_event_id
from nightbus.aws.trace_header import without_lineage
from nightbus.bus.envelope import service_event
from nightbus.delivery.interface import Batch, Event, Overloaded
from nightbus.delivery.rules import DEFAULT_BUS
from nightbus.services.context import Context, Platform
from nightbus.services.s3.notifications.filters import destinations_of
from nightbus.services.s3.notifications.jobs import notification_job
from nightbus.services.s3.notifications.object_events import (
    SERVICE,
    Circumstances,
    ObjectEvent,
    detail_of,
    detail_type,
    record_of,
)
from nightbus.services.s3.records import bucket_arn
from nightbus.store.interface import Change, Record

_SOURCE = "aws.s3"


async def commit_announced(
    ctx: Context, bucket: Record, changes: Sequence[Change], *events: ObjectEvent
) -> None:
    """Commit the changes, with what the bucket's notification configuration makes of the events.

    Raises Conflict, and AwsError SlowDown while the event bus takes nothing more.
    """
    configuration = bucket.value.get("Notification")
    if not configuration or not events:
        await ctx.store.commit(*changes)
        return
    circumstances = _circumstances(ctx)
    jobs = [job for event in events for job in _jobs(ctx, bucket, event, circumstances)]
    batch = None
    if "EventBridgeConfiguration" in configuration:
        batch = _batch(ctx, bucket, events, circumstances)
    if batch is None:
        await ctx.store.commit(*changes, *jobs)
        return
    try:
        await ctx.platform.router.put([batch], [*changes, *jobs])
    except Overloaded:
        raise AwsError("SlowDown", "Please reduce your request rate.", 503) from None


def _circumstances(ctx: Context) -> Circumstances:
    now = ctx.now_ms()
    number = ctx.platform.object_numbers.next(now, 0)
    return Circumstances(ctx.caller, ctx.call.request_id, ctx.call.source_ip, now, f"{number:016X}")


def _jobs(ctx: Context, bucket: Record, event: ObjectEvent, circumstances: Circumstances) -> Iterator[Change]:
    for destination in destinations_of(bucket.value["Notification"]):
        if destination.wants(event.name, event.version.key):
            record = record_of(bucket, event, circumstances, destination.id)
            yield notification_job(
                bucket, destination.arn, {"Records": [record]}, circumstances.time, ctx.call.trace
            )


def _batch(
    ctx: Context, bucket: Record, events: Sequence[ObjectEvent], circumstances: Circumstances
) -> Batch | None:
    account, region = bucket.value["Account"], bucket.value["Region"]
    texts = []
    for event in events:
        kind = detail_type(event)
        if kind is not None:
            event_id = new_event_id(circumstances.time)
            detail = detail_of(bucket, event, circumstances)
            text = service_event(
                event_id, account, region, circumstances.time, kind, bucket_arn(bucket), detail, _SOURCE
            )
            texts.append(Event(event_id, text))
    if not texts:
        return None
    return Batch(
        Scope(account, region),
        DEFAULT_BUS,
        texts,
        circumstances.time,
        trace=without_lineage(ctx.call.trace),
        request_id=circumstances.request_id,
    )


def context_of(platform: Platform, bucket: Record) -> Context:
    """Return the context in which S3 itself changes objects of the bucket, in its account and region."""
    account, region = bucket.value["Account"], bucket.value["Region"]
    caller = Caller.for_service(account, SERVICE, bucket_arn(bucket))
    return Context(Call(Scope(account, region), caller, platform.endpoint), platform)
