"""Keeps what several nodes share: records, logs, queues and blobs. A commit is applied as a whole or not at all.

Nothing here waits. Each change notes how it is undone, and a commit that is refused is undone backwards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import orjson

from memory_store.queue import MemoryItem, MemoryQueue
from nightbus.aws.calls import Scope
from nightbus.store.interface import (
    FIRST_CHOSEN_OFFSET,
    Acknowledge,
    Append,
    AppendOnce,
    Change,
    Conflict,
    DeleteRecord,
    Ended,
    Enqueue,
    EnqueueMany,
    Entry,
    EntryRefused,
    GiveBack,
    KeepBlob,
    PutRecord,
    QueueName,
    ReleaseBlob,
    RequireRecord,
    StaleLease,
    TrimLog,
    TrimQueue,
)

K = TypeVar("K")
V = TypeVar("V")
Kind = tuple[Scope, str]
LogKey = tuple[Scope, str]


class Member(Protocol):
    """A node's view, as the cluster sees it."""

    def committed(self, changes: Sequence[Change], *, own: bool) -> None: ...

    def lease_changed(self, name: QueueName) -> None: ...


class MemoryCluster:
    def __init__(self) -> None:
        self.records: dict[Kind, dict[str, tuple[bytes, int]]] = {}
        self.logs: dict[LogKey, list[Entry]] = {}
        self.keys: dict[tuple[Scope, str, str], Entry] = {}  # what was appended once, by key
        self.log_scopes: dict[Scope, None] = {}
        self.queues: dict[QueueName, MemoryQueue] = {}
        self.owners: dict[str, set[str]] = {}
        self.blobs: dict[str, bytes] = {}
        self.pins: dict[str, int] = {}  # how often each blob was put and not yet kept
        self.members: list[Member] = []
        self._ended: set[LogKey | QueueName] = set()
        self._last_offset = 0
        self._last_item = 0
        self._undo: list[Callable[[], object]] = []

    def queue(self, name: QueueName) -> MemoryQueue:
        found = self.queues.get(name)
        return MemoryQueue(name) if found is None else found

    def commit(self, changes: Sequence[Change], by: Member) -> None:
        """Also tells every member."""
        self._undo = []
        try:
            for change in changes:
                self._check_lease(change)
            for change in changes:
                self._apply(change)
        except BaseException:
            for undo in reversed(self._undo):
                undo()
            raise
        for change in changes:
            if isinstance(change, ReleaseBlob) and not self.owners.get(change.digest):
                self._drop_blob(change.digest)
        for member in self.members:
            member.committed(changes, own=member is by)

    def _apply(self, change: Change) -> None:
        match change:
            case PutRecord() | DeleteRecord() | RequireRecord():
                self._apply_record(change)
            case Append(scope, log, time, data, key):
                self._last_offset += 1
                self._append(scope, Entry(log, self._last_offset, time, data, key))
            case AppendOnce():
                self._append_once(change)
            case TrimLog(scope, log, before, ended):
                kept = [
                    one
                    for one in self.logs.get((scope, log), [])
                    if before is not None and one.time >= before
                ]
                self._set(self.logs, (scope, log), kept or None)
                self._end((scope, log), ended)
            case Enqueue(scope, queue, data, due, group):
                self._enqueue(QueueName(scope, queue), data, due, group)
            case EnqueueMany(scope, queue, several, due):
                for data in several:
                    self._enqueue(QueueName(scope, queue), data, due, "")
            case Acknowledge() | GiveBack():
                self._settle(change)
            case TrimQueue(scope, queue, before, ended):
                self._trim_queue(QueueName(scope, queue), before)
                self._end(QueueName(scope, queue), ended)
            case KeepBlob(digest, owner):
                if digest not in self.blobs:
                    raise KeyError(digest)
                self._set(self.owners, digest, self.owners.get(digest, set()) | {owner})
                self._set(self.pins, digest, max(0, self.pins.get(digest, 0) - 1))
            case ReleaseBlob(digest, owner):
                self._set(self.owners, digest, self.owners.get(digest, set()) - {owner})

    def _apply_record(self, change: PutRecord | DeleteRecord | RequireRecord) -> None:
        of_kind = self.records.setdefault((change.scope, change.kind), {})
        revision = of_kind.get(change.key, (b"", 0))[1]
        if change.expect is not None and change.expect != revision:
            raise Conflict(change.kind, change.key)
        if isinstance(change, PutRecord):
            self._set(of_kind, change.key, (orjson.dumps(change.value), revision + 1))
        elif isinstance(change, DeleteRecord):
            self._set(of_kind, change.key, None)

    def _append_once(self, change: AppendOnce) -> None:
        assert change.offset >= FIRST_CHOSEN_OFFSET
        entries = self.logs.get((change.scope, change.log), [])
        newest = entries[-1].offset if entries else 0
        name = (change.scope, change.log, change.key)
        standing = self.keys.get(name)
        if standing is not None and (standing.time <= change.since or standing not in entries):
            standing = None
        if standing is not None or newest >= change.offset:
            raise EntryRefused(change.log, newest, standing)
        entry = Entry(change.log, change.offset, change.time, change.data, "")
        self._append(change.scope, entry)
        self._set(self.keys, name, entry)

    def _append(self, scope: Scope, entry: Entry) -> None:
        if (scope, entry.log) in self._ended:
            raise Ended("log", entry.log)
        self.log_scopes[scope] = None
        if (scope, entry.log) not in self.logs:
            self._set(self.logs, (scope, entry.log), [])
        entries = self.logs[scope, entry.log]
        entries.append(entry)
        self._undo.append(entries.pop)

    def _enqueue(self, name: QueueName, data: bytes, due: int, group: str) -> None:
        if name in self._ended:
            raise Ended("queue", name.queue)
        self._last_item += 1
        if name not in self.queues:
            self._set(self.queues, name, MemoryQueue(name))
        self._set(
            self.queues[name].items, self._last_item, MemoryItem(self._last_item, bytes(data), due, group)
        )

    def _check_lease(self, change: Change) -> None:
        if isinstance(change, Acknowledge | GiveBack) and change.token is not None:
            name = QueueName(change.scope, change.queue)
            item = self.queue(name).items.get(change.item)
            if item is None or item.token != change.token:
                raise StaleLease(name, change.item)

    def _settle(self, change: Acknowledge | GiveBack) -> None:
        items = self.queue(QueueName(change.scope, change.queue)).items
        item = items.get(change.item)
        if item is None:
            return
        if isinstance(change, Acknowledge):
            self._set(items, change.item, None)
        else:
            data = item.data if change.data is None else change.data
            self._set(items, change.item, replace(item, held=False, due=change.due, data=data))

    def _trim_queue(self, name: QueueName, before: int | None) -> None:
        if before is None:
            return self._set(self.queues, name, None)
        items = self.queue(name).items
        for item in [one for one in items.values() if one.due < before]:
            self._set(items, item.id, None)
        return None

    def _end(self, name: LogKey | QueueName, ended: bool) -> None:
        if ended and name not in self._ended:
            self._ended.add(name)
            self._undo.append(lambda: self._ended.discard(name))

    def put_blob(self, digest: str, data: bytes) -> None:
        self.blobs[digest] = data
        self.pins[digest] = self.pins.get(digest, 0) + 1

    def _drop_blob(self, digest: str) -> None:
        if not self.pins.get(digest):
            self.blobs.pop(digest, None)

    def _set(self, values: dict[K, V], key: K, value: V | None) -> None:
        """`value` None deletes."""
        before = values.get(key)
        self._undo.append(lambda: _put(values, key, before))
        _put(values, key, value)


def _put(values: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
