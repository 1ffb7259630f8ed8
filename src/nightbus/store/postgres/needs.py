"""Collects what the database must lock and say before the batches of a group can be planned.

Knows no statement: `group` asks for it, `plan` decides by the answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from nightbus.store.interface import (
    Acknowledge,
    Append,
    AppendOnce,
    Change,
    DeleteRecord,
    Enqueue,
    EnqueueMany,
    GiveBack,
    KeepBlob,
    PutRecord,
    RecordName,
    ReleaseBlob,
    RequireRecord,
)
from nightbus.store.scopes import NameKey

ItemKey = tuple[NameKey, int]


@dataclass(slots=True)
class Needs:
    """`written`, `deleted`, `required`: records; those that are deleted are among the written. `leased`: items that are
    settled by a token, `settled_in`: the queues of all that are settled. `once`: keys of logs that may come once. All
    in the order in which they came."""

    logs: dict[NameKey, None] = field(default_factory=dict)
    queues: dict[NameKey, None] = field(default_factory=dict)
    settled_in: dict[NameKey, None] = field(default_factory=dict)
    leased: dict[ItemKey, None] = field(default_factory=dict)
    once: dict[tuple[NameKey, str], None] = field(default_factory=dict)
    written: dict[RecordName, None] = field(default_factory=dict)
    deleted: dict[RecordName, None] = field(default_factory=dict)
    required: dict[RecordName, int] = field(default_factory=dict)
    blobs: dict[str, None] = field(default_factory=dict)

    def add(self, changes: Sequence[Change]) -> None:
        for change in changes:
            if isinstance(change, Append):
                self.logs[change.scope, "log", change.log] = None
            elif isinstance(change, Enqueue | EnqueueMany):
                self.queues[change.scope, "queue", change.queue] = None
            elif isinstance(change, Acknowledge | GiveBack):
                name = (change.scope, "queue", change.queue)
                self.settled_in[name] = None
                if change.token is not None:
                    self.leased[name, change.item] = None
            else:
                self._add_rare(change)

    def _add_rare(self, change: Change) -> None:
        match change:
            case AppendOnce():
                name = (change.scope, "log", change.log)
                self.logs[name] = None
                self.once[name, change.key] = None
            case PutRecord():
                self.written[RecordName(change.scope, change.kind, change.key)] = None
            case DeleteRecord():
                record = RecordName(change.scope, change.kind, change.key)
                self.written[record] = self.deleted[record] = None
            case RequireRecord():
                self.required[RecordName(change.scope, change.kind, change.key)] = change.expect
            case KeepBlob() | ReleaseBlob():
                self.blobs[change.digest] = None
