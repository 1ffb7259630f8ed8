"""Counts how large archives are, and trims what they have kept long enough.

Its size is counted up from the entry at which the last count ended, and down by what is dropped: no event pays for it.
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
    """`counted`: the offset of the last entry that is in the figures."""

    counted: int = 0
    events: int = 0
    bytes: int = 0
    revision: int = 0  # of the record that says so

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
    size = await _known(store, scope, archive.log)
    before = size.counted
    while found := await store.read(scope, archive.log, after=size.counted, limit=_AT_ONCE):
        size = size.plus(found)._replace(counted=found[-1].offset)
    if size.counted != before:
        await store.commit(size.put(scope, archive.log))
    return size


async def _known(store: Store, scope: Scope, log: str) -> Size:
    record = await store.get(scope, SIZE, log)
    return Size() if record is None else Size(**record.value, revision=record.revision)


async def trim_archives(platform: Platform) -> None:
    """A duty of one node: every ten minutes, drops what was kept long enough, and what is left of deleted archives."""
    while True:
        for scope in await platform.store.log_scopes():
            with one_of_many("trimming the archives of", scope):
                await _trim_scope(platform, scope)
        await platform.clock.sleep(_EVERY_SECONDS)


async def _trim_scope(platform: Platform, scope: Scope) -> None:
    store = platform.store
    there = {
        *await store.logs(scope, archive_log()),
        *(record.key for record in await store.list(scope, SIZE)),
    }
    # After these, so that nothing of a new archive is taken for a deleted one's.
    # One that cannot be read ends the work on its scope: its log must not be taken for a deleted one's.
    records = {Archive.of(record).log: record for record in await store.list(scope, ARCHIVE)}
    for log in there - records.keys():
        await store.commit(TrimLog(scope, log, ended=True), DeleteRecord(scope, SIZE, log))
    for record in records.values():
        with one_of_many("trimming archive", record.key):
            if record.value["RetentionDays"]:
                before = platform.clock.now_ms() - record.value["RetentionDays"] * _DAY_MS
                await _trim(store, scope, Archive.of(record), before)


async def _trim(store: Store, scope: Scope, archive: Archive, before: int) -> None:
    """Drop the entries from before that moment, some at a time, and take them out of the figures."""
    limit = _AT_ONCE
    while found := await store.read(scope, [archive.log], until=before, limit=limit):
        edge = before
        if len(found) == limit:  # there may be more of the last one's time
            edge = found[-1].time
            found = [entry for entry in found if entry.time < edge]
            if not found:
                limit *= 2
                continue
        size = await size_of(store, scope, archive)
        left = size.plus([entry for entry in found if entry.offset <= size.counted], sign=-1)
        try:
            await store.commit(TrimLog(scope, archive.log, edge), left.put(scope, archive.log))
        except Conflict:  # counted meanwhile
            continue
