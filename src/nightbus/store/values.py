"""Defines the names by which a store keeps things, and what it answers: records, entries, leases, counts, blobs.

Nothing here knows a backend, or how a change is made (`nightbus.store.changes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nightbus.aws.calls import Scope

SYSTEM = Scope("", "")  # for what belongs to the node itself, such as its work queues


class RecordName(NamedTuple):
    scope: Scope
    kind: str
    key: str


class QueueName(NamedTuple):
    scope: Scope
    queue: str


class LogName(NamedTuple):
    scope: Scope
    log: str


class Touched(NamedTuple):
    """The names of what one commit changed, of what the listener watches. Values are read anew: they may be newer
    already."""

    records: Sequence[RecordName] = ()
    queues: Sequence[QueueName] = ()  # that an item was put into, given back to, or left
    logs: Sequence[LogName] = ()  # that an entry was appended to, or trimmed from


Listener = Callable[[Touched | None], None]
"""None: anything may have changed, since commits of another node were missed."""


@dataclass(frozen=True, slots=True)
class Record:
    """`value` belongs to the reader: changing it changes nothing that is kept. Revisions start at 1."""

    key: str
    value: dict[str, Any]
    revision: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a log. Offsets grow within a log and are never used twice. `time` is UTC milliseconds."""

    log: str
    offset: int
    time: int
    data: bytes
    key: str


class Lease(NamedTuple):
    """The newest lease of an item. `first` is when the item was leased for the first time (UTC ms).

    `ends` (UTC ms) lies behind for a lease whose time is over, and which may still be made longer; it is 0 once the
    item is offered again.
    """

    token: int
    ends: int
    first: int


class QueuedItem(NamedTuple):
    """An item as it lies in its queue, which nobody leased to see it.

    `attempts` counts its leases so far, `first` is when the first one was taken (UTC ms, 0 for none), and
    `leased_until` when the lease that stands ends (UTC ms, 0 where nobody has it).
    """

    id: int
    data: bytes
    due: int
    group: str
    attempts: int
    first: int
    leased_until: int


class Counts(NamedTuple):
    """A queue's items: free to be leased, leased, and not due yet."""

    free: int
    leased: int
    delayed: int


@dataclass(frozen=True, slots=True)
class Blob:
    """`digest` is the lower-case hex SHA-256 of the bytes, `md5` their hex MD5."""

    digest: str
    size: int
    md5: str
