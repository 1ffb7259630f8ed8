"""Defines what a store keeps, and what one commit promises.

Four primitives, each keyed by account and region: records (documents with a revision), logs (append-only),
queues (work with a due time) and blobs (bytes by content hash). All writes go through `Store.commit`: the changes
of one call are durable together or not at all, and the call returns after they are. A backend is one module
beside this one; services know only this file.
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple, Protocol

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
    """What one commit changed, of what a listener watches. Who wants a value reads it: it may be newer already."""

    records: Sequence[RecordName] = ()
    queues: Sequence[QueueName] = ()  # that an item was put into, given back to, or left
    logs: Sequence[LogName] = ()  # that an entry was appended to, or trimmed from


Listener = Callable[[Touched | None], None]  # None: anything may have changed, since commits were missed


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


class Item(NamedTuple):
    """One piece of work, leased. `attempt` counts the leases so far, this one included (lost at a restart).

    `token` stands for this lease and for no other one. It is stale once the item was leased again, or is gone.
    """

    id: int
    data: bytes
    due: int
    attempt: int
    queue: QueueName
    token: int

    def acknowledge(self) -> Acknowledge:
        return Acknowledge(self.queue.scope, self.queue.queue, self.id, self.token)

    def give_back(self, due: int, data: bytes | None = None) -> GiveBack:
        """`due` is UTC ms."""
        return GiveBack(self.queue.scope, self.queue.queue, self.id, due, data, self.token)


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


# The changes that a commit is made of.


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
    | TrimLog
    | Enqueue
    | EnqueueMany
    | Acknowledge
    | GiveBack
    | TrimQueue
    | KeepBlob
    | ReleaseBlob
)


class RecordReader(Protocol):
    """What finds records: a store, or something that keeps what it found there."""

    async def get(self, scope: Scope, kind: str, key: str) -> Record | None: ...


class Store(Protocol):
    def watch(
        self, listener: Listener, kinds: Collection[str] = (), *, queues: bool = False, logs: bool = False
    ) -> Callable[[], None]:
        """Call `listener` after each commit, of whichever node, that touched a record of one of `kinds`, with `queues`
        any queue, with `logs` any log; until the returned function is called.

        The calls come on the event loop in the order of the commits: after a commit is durable, and before its caller
        on this node is answered. A listener must not wait, and what it raises is only logged.
        """
        ...

    async def commit(self, *changes: Change, patience: float = 0.0) -> None:
        """All or nothing, durable on return. Raises Conflict and StaleLease; changes apply in the order given.
        `patience`: for how many seconds they may wait for another commit, to share its sync; by default 0."""
        ...

    async def get(self, scope: Scope, kind: str, key: str) -> Record | None:
        """Raises UnreadableRecord (`nightbus.store.forms`) for one of a newer form, or a damaged one."""
        ...

    async def list(
        self, scope: Scope, kind: str, prefix: str = "", after: str = "", limit: int | None = None
    ) -> list[Record]:
        """In the order of the keys' UTF-8 bytes; those after the key `after`, at most `limit`.

        One that cannot be read is left out, with a line in the log.
        """
        ...

    async def scopes(self, kind: str) -> builtins.list[Scope]:
        """Every scope that holds a record of this kind."""
        ...

    async def read(
        self,
        scope: Scope,
        logs: str | Sequence[str],
        *,
        after: int = 0,
        since: int | None = None,
        until: int | None = None,
        key: str | None = None,
        limit: int = 1000,
        backwards: bool = False,
    ) -> builtins.list[Entry]:
        """Entries of one log in order of offset (`after` < offset; with `backwards` descending, `after` > offset
        where it is not 0), or of several logs merged by (time, offset).

        `since` <= time < `until` in UTC ms; `key` selects the entries appended under that key.
        """
        ...

    async def log_sizes(self, scope: Scope, log: str, step_ms: int) -> dict[int, int]:
        """The bytes of a log's entries by when they are of: beginnings of steps of `step_ms`, in UTC ms."""
        ...

    async def logs(self, scope: Scope, prefix: str = "") -> builtins.list[str]:
        """The names of the logs that hold entries."""
        ...

    async def log_scopes(self) -> builtins.list[Scope]:
        """Every scope that has or had a log."""
        ...

    async def lease(
        self, scope: Scope, queue: str, limit: int, lease_ms: int, wait: float = 0.0, by_group: bool = False
    ) -> builtins.list[Item]:
        """At most `limit` due items that nobody else has, waiting up to `wait` seconds for the first one.

        An item that is neither acknowledged nor given back within the lease is offered again. With `by_group`
        (always or never for a queue) the items of a group come in the order in which they were enqueued, and none
        of them while somebody has another one.
        """
        ...

    async def change_lease(
        self, scope: Scope, queue: str, item: int, ends: int, token: int | None = None
    ) -> bool:
        """Let a lease that stands end at `ends` (UTC ms). False, and no change, when nobody has the item, or somebody
        by another lease than that of `token`."""
        ...

    async def held(self, scope: Scope, queue: str, item: int) -> int:
        """The token of the lease that stands on the item, 0 for none."""
        ...

    async def count(self, scope: Scope, queue: str) -> Counts:
        """How many items the queue has."""
        ...

    def untaken(self, scope: Scope, queue: str) -> int:
        """How many items are due and were never leased since the store was opened.

        In memory, since every put asks: the first question counts the rows that are there, which takes a moment in a
        long queue, and from then on commits and leases keep the figure.
        """
        ...

    async def put_blob(self, data: bytes | AsyncIterable[bytes]) -> Blob:
        """On disk when this returns; swept at the next start unless a commit has kept it."""
        ...

    async def open_blob(self, digest: str) -> BinaryIO:
        """The bytes as a seekable file, which the caller closes; it stays readable when the blob goes meanwhile.

        Raises KeyError when there is no such blob.
        """
        ...

    async def rows(self) -> dict[str, int]:
        """How many records of each kind, and how many rows of everything else."""
        ...

    def in_memory(self) -> dict[str, int]:
        """How much of what is held in memory, by name."""
        ...

    async def close(self) -> None:
        """Finish what was submitted, checkpoint, release the folder."""
        ...
