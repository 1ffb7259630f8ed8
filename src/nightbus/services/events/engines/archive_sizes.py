"""Counts the sizes of archives, and deletes what has passed an archive's retention.

A count continues at the entry where the last one ended, and subtracts what is deleted. So archiving an event need not
update a size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nightbus.aws.calls import Scope
from nightbus.delivery.archives import ARCHIVE, Archive, archive_log, archived_events
from nightbus.services.context import Platform
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Conflict, DeleteRecord, Entry, PutRecord, Store, TrimLog
from nightbus.store.upkeep import one_of_many

SIZE = "events/archive-size"
_DAY_MS = 24 * 3600 * 1000
_EVERY_SECONDS = 600.0
_AT_ONCE = 1000


class Size(NamedTuple):
    """The counted size of an archive. `counted` is the offset of the last entry that it includes."""

    counted: int = 0
    events: int = 0
    bytes: int = 0
    revision: int = 0  # of the record with this size

    def plus(self, entries: Sequence[Entry], sign: int = 1) -> Size:
        events = bytes_ = 0
        for entry in entries:
            texts = archived_events(entry.data)
            events += len(texts)
            bytes_ += sum(map(len, texts))
        return self._replace(events=self.events + sign * events, bytes=self.bytes + sign * bytes_)

    def put(self, scope: Scope, log: str) -> PutRecord:
        value = {"counted": self.counted, "events": self.events, "bytes": self.bytes}
        return PutRecord(scope, SIZE, log, value, expect=self.revision)


@retries_on_conflict
async def size_of(store: Store, scope: Scope, archive: Archive) -> Size:
    size = await _stored_size(store, scope, archive.log)
    before = size.counted
    while entries := await store.read(scope, archive.log, after=size.counted, limit=_AT_ONCE):
        size = size.plus(entries)._replace(counted=entries[-1].offset)
    if size.counted != before:
        await store.commit(size.put(scope, archive.log))
    return size


async def _stored_size(store: Store, scope: Scope, log: str) -> Size:
    record = await store.get(scope, SIZE, log)
    return Size() if record is None else Size(**record.value, revision=record.revision)


async def trim_archives(platform: Platform) -> None:
    """Delete expired entries and the logs of deleted archives every ten minutes, as a duty."""
    while True:
        for scope in await platform.store.log_scopes():
            with one_of_many("trimming the archives of", scope):
                await _trim_scope(platform, scope)
        await platform.clock.sleep(_EVERY_SECONDS)


async def _trim_scope(platform: Platform, scope: Scope) -> None:
    store = platform.store
    stored_logs = {
        *await store.logs(scope, archive_log()),
        *(record.key for record in await store.list(scope, SIZE)),
    }
    # The records are read after the logs, so that a new archive's log does not look like that of a deleted one.
    # A record that cannot be read ends the work on its scope, because its log would look like that of a deleted
    # archive.
    records = {Archive.of(record).log: record for record in await store.list(scope, ARCHIVE)}
    for log in stored_logs - records.keys():
        await store.commit(TrimLog(scope, log, ended=True), DeleteRecord(scope, SIZE, log))
    for record in records.values():
        with one_of_many("trimming archive", record.key):
            if record.value["RetentionDays"]:
                before = platform.clock.now_ms() - record.value["RetentionDays"] * _DAY_MS
                await _trim(store, scope, Archive.of(record), before)


async def _trim(store: Store, scope: Scope, archive: Archive, before: int) -> None:
    """Delete the entries before the time `before` (UTC ms) in several commits, and subtract them from the size."""
    limit = _AT_ONCE
    while entries := await store.read(scope, [archive.log], until=before, limit=limit):
        edge = before
        if len(entries) == limit:  # there may be more entries of the last one's time
            edge = entries[-1].time
            entries = [entry for entry in entries if entry.time < edge]
            if not entries:
                limit *= 2
                continue
        size = await size_of(store, scope, archive)
        left = size.plus([entry for entry in entries if entry.offset <= size.counted], sign=-1)
        try:
            await store.commit(TrimLog(scope, archive.log, edge), left.put(scope, archive.log))
        except Conflict:  # a count has changed the size in between
            continue
