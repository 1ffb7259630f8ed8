"""Decides for each batch of a group whether it is written or refused, and what the written ones come to.

Pure: `State` is what the database said under the locks of the transaction. Batches apply to it in their order, each as
a whole or not at all; `Effects` is what remains to be written, with the end of each record and item only. What is
trimmed is no matter of a plan (`trims`): a batch that trims is cut into stages, each with a state of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

import orjson

from nightbus.aws.calls import Scope
from nightbus.store.forms import newest as newest_form
from nightbus.store.interface import (
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
    RecordName,
    ReleaseBlob,
    RequireRecord,
    StaleLease,
)
from nightbus.store.postgres.needs import ItemKey
from nightbus.store.postgres.texts import stored
from nightbus.store.scopes import NameKey

K = TypeVar("K")
V = TypeVar("V")


@dataclass(slots=True)
class NameRow:
    """The locked row of a log or a queue. `newest` is the last offset that was given to an `Append`."""

    id: int
    newest: int
    dropped: bool
    ended: bool


@dataclass(slots=True)
class State:
    """What stands. `revisions` has the records that are there, `tokens` the newest lease of items that are there.

    `last` is the highest offset that a log has, `once` the newest entry with each key.
    """

    names: dict[NameKey, NameRow] = field(default_factory=dict)
    settled_in: dict[NameKey, int] = field(default_factory=dict)
    tokens: dict[ItemKey, int] = field(default_factory=dict)
    revisions: dict[RecordName, int] = field(default_factory=dict)
    last: dict[NameKey, int] = field(default_factory=dict)
    once: dict[tuple[NameKey, str], Entry] = field(default_factory=dict)
    blobs: set[str] = field(default_factory=set)


class NewEntry(NamedTuple):
    log: int
    offset: int
    time: int
    key: str
    once: str | None
    data: bytes


class NewItem(NamedTuple):
    queue: int
    due: int
    group: str
    data: bytes


class Written(NamedTuple):
    """A record as it is to stand. `value` None: gone."""

    revision: int
    value: bytes | None
    form: int


class Back(NamedTuple):
    due: int
    data: bytes | None


class Plan:
    """Its attributes are the effects so far: `settled` has None for an item that is done."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.entries: list[NewEntry] = []
        self.items: list[NewItem] = []
        self.records: dict[RecordName, Written] = {}
        self.settled: dict[tuple[int, int], Back | None] = {}
        self.owners: dict[tuple[str, str], bool] = {}
        self.kept: list[str] = []  # blobs, once for each KeepBlob
        self.came_back: set[int] = set()  # names that were dropped and have something under them again
        self.grown: dict[int, int] = {}  # by log: the last offset that was given
        self._undo: list[Callable[[], object]] = []

    def apply(self, changes: Sequence[Change]) -> Exception | None:
        """Add a batch, or return why it is refused; nothing of it is planned then."""
        self._undo = []
        entries, items, kept = len(self.entries), len(self.items), len(self.kept)
        try:
            self.check_leases(changes)
            for change in changes:
                self._apply(change)
        except Exception as failure:  # the caller's, not the database's
            for undo in reversed(self._undo):
                undo()
            del self.entries[entries:], self.items[items:], self.kept[kept:]
            return failure
        return None

    def check_leases(self, changes: Sequence[Change]) -> None:
        """Raises StaleLease."""
        for change in changes:
            if isinstance(change, Acknowledge | GiveBack) and change.token is not None:
                name = (change.scope, "queue", change.queue)
                if self.state.tokens.get((name, change.item)) != change.token:
                    raise StaleLease(QueueName(change.scope, change.queue), change.item)

    def _apply(self, change: Change) -> None:
        if isinstance(change, Append):
            scope, log, time, data, key = change
            row = self._open(scope, "log", log)
            offset = self.grown.get(row.id, row.newest) + 1
            self._set(self.grown, row.id, offset)
            self.entries.append(NewEntry(row.id, offset, time, stored(key), None, data))
        elif isinstance(change, Enqueue):
            scope, queue, data, due, group = change
            self.items.append(NewItem(self._open(scope, "queue", queue).id, due, stored(group), data))
        elif isinstance(change, EnqueueMany):
            number = self._open(change.scope, "queue", change.queue).id
            self.items += [NewItem(number, change.due, "", data) for data in change.data]
        elif isinstance(change, Acknowledge | GiveBack):
            self._settle(change)
        elif isinstance(change, AppendOnce):
            self._append_once(change)
        elif isinstance(change, PutRecord | DeleteRecord | RequireRecord):
            self._apply_record(change)
        elif isinstance(change, KeepBlob | ReleaseBlob):
            self._own(change)
        else:
            raise TypeError(f"a plan has no {type(change).__name__}")

    def _open(self, scope: Scope, kind: str, name: str) -> NameRow:
        """Something is put under the name. Raises Ended."""
        row = self.state.names[scope, kind, name]
        if row.ended:
            raise Ended(kind, name)
        if row.dropped and row.id not in self.came_back:
            self.came_back.add(row.id)
            self._undo.append(lambda: self.came_back.discard(row.id))
        return row

    def _settle(self, change: Acknowledge | GiveBack) -> None:
        name = (change.scope, "queue", change.queue)
        number = self.state.settled_in.get(name)
        if number is None:
            return
        key = (number, change.item)
        standing = self.settled.get(key)
        if standing is None and key in self.settled:
            return  # done by a batch before
        if isinstance(change, Acknowledge):
            self._set(self.state.tokens, (name, change.item), None)
            self._put(self.settled, key, None)
        else:
            data = standing.data if change.data is None and standing is not None else change.data
            self._put(self.settled, key, Back(change.due, data))

    def _append_once(self, change: AppendOnce) -> None:
        scope, log, time, data, key, offset, since = change
        row, name = self._open(scope, "log", log), (scope, "log", log)
        last = self.state.last.get(name, 0)
        standing = self.state.once.get((name, key))
        if standing is not None and standing.time <= since:
            standing = None
        if standing is not None or last >= offset:
            raise EntryRefused(log, last, standing)
        self._set(self.state.last, name, offset)
        self._set(self.state.once, (name, key), Entry(log, offset, time, data, ""))
        self.entries.append(NewEntry(row.id, offset, time, "", stored(key), data))

    def _apply_record(self, change: PutRecord | DeleteRecord | RequireRecord) -> None:
        name = RecordName(change.scope, change.kind, change.key)
        planned = self.records.get(name)
        if planned is None:
            revision = self.state.revisions.get(name, 0)
        else:
            revision = 0 if planned.value is None else planned.revision
        if change.expect is not None and change.expect != revision:
            raise Conflict(change.kind, change.key)
        if isinstance(change, PutRecord):
            value = orjson.dumps(change.value)
            self._set(self.records, name, Written(revision + 1, value, newest_form(change.kind)))
        elif isinstance(change, DeleteRecord) and revision:
            self._set(self.records, name, Written(revision, None, 0))

    def _own(self, change: KeepBlob | ReleaseBlob) -> None:
        """Raises KeyError."""
        if isinstance(change, KeepBlob):
            if change.digest not in self.state.blobs:
                raise KeyError(change.digest)
            self.kept.append(change.digest)
        self._set(self.owners, (change.digest, stored(change.owner)), isinstance(change, KeepBlob))

    def _set(self, values: dict[K, V], key: K, value: V | None) -> None:
        """`value` None deletes."""
        before = values.get(key)
        self._undo.append(lambda: _restore(values, key, before))
        _restore(values, key, value)

    def _put(self, values: dict[K, V | None], key: K, value: V | None) -> None:
        if key in values:
            before = values[key]
            self._undo.append(lambda: values.__setitem__(key, before))
        else:
            self._undo.append(lambda: values.pop(key, None))
        values[key] = value


def _restore(values: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
