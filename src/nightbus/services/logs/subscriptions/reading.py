"""Reads what is appended to the streams of groups with subscription filters, and queues what the filters let through.

A filter has a cursor for each stream, which moves in the commit that queues the events before it: none is lost or
queued twice, whoever wrote it and whenever the node ended. Writers know nothing of this: the feed of changes names the
logs that a commit touched, and a group without filters costs a look into a dictionary.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from nightbus.aws.arn import arn
from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.messaging.log_streams import STREAM, log_name, required_stream, stream_key, stream_of
from nightbus.services.context import Platform
from nightbus.services.logs.events import content, event_id
from nightbus.services.logs.filter_pattern import compile_pattern
from nightbus.services.logs.subscriptions.jobs import data_message, invocation, new_origin
from nightbus.services.logs.subscriptions.records import CURSOR, FILTER
from nightbus.store.interface import Change, Conflict, Entry, PutRecord, Record, RequireRecord, Touched

log = logging.getLogger("nightbus.logs")

_AGAIN_SECONDS = 1.0
_AT_ONCE = 1000  # entries of a read, of which one commit is made
# The messages of one invocation, so that it fits an asynchronous one even if they cannot be compressed.
_MOST_BYTES = 256 * 1024
_PREFIX = "logs/"

Stream = tuple[Scope, str, str]  # the scope, the group's name, the stream's name


async def deliver_subscribed_events(platform: Platform) -> None:
    """Queue the events of subscriptions until cancelled."""
    reader = _Reader(platform)
    unwatch = platform.store.watch(reader.note, [FILTER], logs=True)
    try:
        while True:
            for stream in await reader.touched():
                try:
                    await reader.read(stream)
                except Conflict:
                    reader.read_later(stream)  # the filter or the stream was changed meanwhile
                except Exception:  # the store's, while the disk is full
                    log.exception("reading %s:%s for its subscriptions failed", *stream[1:])
                    reader.read_later(stream)
                    await platform.clock.sleep(_AGAIN_SECONDS)
    finally:
        unwatch()


class _Reader:
    """`_filters` has the filters by scope and group, None while they must be read anew."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._store = platform.store
        self._filters: dict[tuple[Scope, str], list[Record]] | None = None
        self._streams: dict[Stream, None] = {}
        self._noted = asyncio.Event()
        self._noted.set()

    def note(self, touched: Touched | None) -> None:
        if touched is None or touched.records:
            self._filters = None
            self._noted.set()
        if touched is None or not self._filters:
            return
        for scope, name in touched.logs:
            group, _, stream = name.removeprefix(_PREFIX).partition(":")
            if name.startswith(_PREFIX) and (scope, group) in self._filters:
                self._streams[scope, group, stream] = None
                self._noted.set()

    async def touched(self) -> list[Stream]:
        """Return the streams to read, once there are some: all those of subscribed groups after filters changed."""
        while True:
            await self._noted.wait()
            self._noted.clear()
            if self._filters is None:
                await self._read_filters()
            streams, self._streams = list(self._streams), {}
            if streams:
                return streams

    def read_later(self, stream: Stream) -> None:
        self._streams[stream] = None
        self._noted.set()

    async def _read_filters(self) -> None:
        found: dict[tuple[Scope, str], list[Record]] = {}
        self._filters = found  # what is noted meanwhile sets it to None again
        for scope in await self._store.scopes(FILTER):
            for record in await self._store.list(scope, FILTER):
                found.setdefault((scope, record.key.partition(":")[0]), []).append(record)
        for scope, group in list(found):
            for stream in await self._store.list(scope, STREAM, prefix=stream_key(group, "")):
                self._streams[scope, group, stream_of(stream.key)] = None

    async def read(self, stream: Stream) -> None:
        for record in (self._filters or {}).get(stream[:2], ()):
            while await self._read_page(stream, record):
                pass

    async def _read_page(self, stream: Stream, record: Record) -> bool:
        """Queue what the filter lets through of the next entries. Returns whether there may be more."""
        scope, group, name = stream
        key = f"{record.key}:{name}"
        standing = await required_stream(self._store, scope, group, name)
        if standing is None:
            return False
        cursor = await self._store.get(scope, CURSOR, key)
        after = cursor.value["offset"] if cursor else 0
        entries = await self._store.read(scope, log_name(group, name), after=after, limit=_AT_ONCE)
        if not entries:
            return False
        changes = await asyncio.to_thread(self._invocations, stream, record, entries)
        await self._store.commit(
            standing,
            RequireRecord(scope, FILTER, record.key, record.revision),
            PutRecord(
                scope, CURSOR, key, {"offset": entries[-1].offset}, expect=cursor.revision if cursor else 0
            ),
            *changes,
        )
        return len(entries) == _AT_ONCE

    def _invocations(self, stream: Stream, record: Record, entries: Iterable[Entry]) -> list[Change]:
        scope, group, name = stream
        value, now = record.value, self._platform.clock.now_ms()
        group_arn = arn("logs", scope.region, scope.account, f"log-group:{group}")
        filter_name = record.key.partition(":")[2]
        return [
            invocation(
                value["destination"],
                data_message(scope.account, group, name, filter_name, events),
                new_origin(group_arn, scope, value["principal"]),
                now,
            )
            for events in _batches(_matching(value, entries))
        ]


def _matching(value: dict[str, Any], entries: Iterable[Entry]) -> Iterator[dict[str, Any]]:
    matches = compile_pattern(value["pattern"])
    for entry in entries:
        ingested, message = content(entry)
        if ingested >= value["since"] and _fits(matches, message):
            yield {"id": event_id(entry), "timestamp": entry.time, "message": message}


def _fits(matches: Callable[[str], bool], message: str) -> bool:
    """Say whether the message matches; one that the expression is too slow for is passed over, or it would be read
    again without end."""
    try:
        return matches(message)
    except AwsError as error:
        log.warning("a subscription filter passes over a log event: %s", error.message)
        return False


def _batches(events: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for event in events:
        length = len(event["message"].encode())
        if batch and size + length > _MOST_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += length
    if batch:
        yield batch
