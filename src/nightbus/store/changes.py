"""Defines the changes that a commit is made of, the leased items that some of them settle, and how a commit is refused.

A refused commit has written nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from nightbus.aws.calls import Scope
from nightbus.store.values import Entry, QueueName

FIRST_CHOSEN_OFFSET = 1 << 48  # those that a store gives by itself are below, those of AppendOnce are not


@dataclass(frozen=True, slots=True)
class PutRecord:
    """`value` must be JSON. `expect`: the revision that stands now, 0 for "not there"; None writes over anything."""

    scope: Scope
    kind: str
    key: str
    value: dict[str, Any]
    expect: int | None = None


@dataclass(frozen=True, slots=True)
class DeleteRecord:
    scope: Scope
    kind: str
    key: str
    expect: int | None = None


@dataclass(frozen=True, slots=True)
class RequireRecord:
    """Changes nothing: the commit is a Conflict unless the record stands at `expect` (0 for "not there")."""

    scope: Scope
    kind: str
    key: str
    expect: int


# Those that a busy node makes by the ten thousand a second are tuples, which cost a third of a dataclass to make.


class Append(NamedTuple):
    """`key` makes the entry findable by name as well as by time (an event id, say)."""

    scope: Scope
    log: str
    time: int
    data: bytes
    key: str = ""


class AppendOnce(NamedTuple):
    """Append at an offset of the caller's choice, unless others were faster: of whichever node.

    The commit is refused (EntryRefused) where the log has an entry that was appended with the same `key` and has a time
    after `since` (UTC ms), or an entry at `offset` or beyond it. So offsets grow in the order of the commits, and a key
    comes once in a period. `offset` is at least FIRST_CHOSEN_OFFSET. A log gets all its entries in this way, or none.

    The key is for this check alone: the entry is not found by it. A backend that one node has to itself may forget the
    keys at a restart, since that node reads the log before it appends to it.
    """

    scope: Scope
    log: str
    time: int
    data: bytes
    key: str
    offset: int
    since: int


@dataclass(frozen=True, slots=True)
class TrimLog:
    """Drop the entries with a time before `before` (UTC ms), or the whole log when None.

    `ended`: the log's name is never used again, and what a commit planned earlier adds to it is refused as Ended.
    """

    scope: Scope
    log: str
    before: int | None = None
    ended: bool = False


class Enqueue(NamedTuple):
    """`due` is the UTC millisecond before which nobody gets the item; `group` is for queues leased by group."""

    scope: Scope
    queue: str
    data: bytes
    due: int
    group: str = ""


class EnqueueMany(NamedTuple):
    """An item for each of `data`, in this order, as so many `Enqueue` would put them."""

    scope: Scope
    queue: str
    data: Sequence[bytes]
    due: int


class Acknowledge(NamedTuple):
    """The item is done and gone. `token`: of the lease that must stand (raises StaleLease); None: whoever has it."""

    scope: Scope
    queue: str
    item: int
    token: int | None = None


@dataclass(frozen=True, slots=True)
class TrimQueue:
    """Drop the items that were due before `before` (UTC ms), leased or not, or all of them when None.

    `ended`: the queue's name is never used again, and what a commit planned earlier puts into it is refused as Ended.
    """

    scope: Scope
    queue: str
    before: int | None = None
    ended: bool = False


class GiveBack(NamedTuple):
    """The item is offered again at `due` (UTC ms), with `data` in place of what it held unless that is None.

    `token`: of the lease that must stand (raises StaleLease); None: whoever has it.
    """

    scope: Scope
    queue: str
    item: int
    due: int
    data: bytes | None = None
    token: int | None = None


@dataclass(frozen=True, slots=True)
class KeepBlob:
    """The blob stays as long as any owner keeps it; an owner is a name such as `code/<function arn>/$LATEST`."""

    digest: str
    owner: str


@dataclass(frozen=True, slots=True)
class ReleaseBlob:
    digest: str
    owner: str


Change = (
    PutRecord
    | DeleteRecord
    | RequireRecord
    | Append
    | AppendOnce
    | TrimLog
    | Enqueue
    | EnqueueMany
    | Acknowledge
    | GiveBack
    | TrimQueue
    | KeepBlob
    | ReleaseBlob
)


class Item(NamedTuple):
    """One piece of work, leased. `attempt` counts the leases so far, this one included; `first` is when the first one
    was taken (UTC ms). A backend that keeps leases in memory loses both at a restart.

    `token` stands for this lease and for no other one. It is stale once the item was leased again, or is gone.
    """

    id: int
    data: bytes
    due: int
    attempt: int
    queue: QueueName
    token: int
    first: int

    def acknowledge(self) -> Acknowledge:
        return Acknowledge(self.queue.scope, self.queue.queue, self.id, self.token)

    def give_back(self, due: int, data: bytes | None = None) -> GiveBack:
        """`due` is UTC ms."""
        return GiveBack(self.queue.scope, self.queue.queue, self.id, due, data, self.token)


class Conflict(Exception):
    """A record was not at the revision that its change expected; nothing of the commit was written."""

    def __init__(self, kind: str, key: str) -> None:
        super().__init__(f"{kind} {key!r} was changed meanwhile")
        self.kind = kind
        self.key = key


class StaleLease(Exception):
    """The commit settles an item whose lease does not stand any more: somebody else has it, or it is gone.

    Nothing of the commit was written. What belongs to the item is for whoever has it now.
    """

    def __init__(self, queue: QueueName, item: int) -> None:
        super().__init__(f"item {item} of {queue.queue} was leased again, or is gone")
        self.queue = queue
        self.item = item


class Ended(Conflict):
    """The commit adds to a queue or a log that has ended meanwhile; nothing of it was written."""


class EntryRefused(Conflict):
    """An AppendOnce was not the first with its key, or not the newest of its log; nothing was written.

    `newest` is the newest offset of the log, `entry` the one that has the key, None where the key is not the reason.
    """

    def __init__(self, log: str, newest: int, entry: Entry | None) -> None:
        super().__init__("log", log)
        self.log = log
        self.newest = newest
        self.entry = entry


class StoreUnavailable(Exception):
    """The store could not be reached for some seconds, or has no room. It may work again by itself.

    Where the connection was lost during a commit, the changes may have been written all the same: nobody may take them
    for written, and whoever makes them again finds what stands.
    """

    is_passing = True


class StoreClosed(Exception):
    """The store takes no more commits, since the node is stopping."""
