"""Defines what a store keeps, and what one commit promises.

Four primitives, each keyed by account and region: records (documents with a revision), logs (append-only),
queues (work with a due time) and blobs (bytes by content hash). All writes go through `Store.commit`: the changes
of one call are durable together or not at all, and the call returns after they are. There are two backends, each a
package beside this module: `sqlite` for a node that has its store to itself, `postgres` for nodes that share one.
Services know only this file, which also names what `values` and `changes` define.

Several nodes may share one store. So what a decision depends on is in the store, and the commit checks it: the revision
of a record, the lease of an item, the place of an entry (`AppendOnce`). What may be in a node's memory all the same:

- Copies of what was read. The feed says when they are old, and a commit that goes by an old one is a Conflict.
- Leases with `Item.attempt` and `Item.first`, in a backend that one node has to itself (SQLite): a write for each lease
  would halve the rate of ReceiveMessage. After a restart every item that was not settled is offered again, and counted
  from 1; delivery is at least once in any case. A backend that nodes share keeps the leases for all of them.
- `untaken`, which every PutEvents asks for. After a restart it is counted anew.
- The keys of AppendOnce since the store was opened, in a backend that one node has to itself: an index over them would
  make a FIFO message 6 % dearer. That node has read the log before it appends.
- The deduplication ids of the last five minutes of a FIFO queue or topic, with the newest sequence number
  (`messaging/deduplication.py`): a copy that saves a read for every message. AppendOnce refuses what this copy does not
  know of, and says what stands there; then the handler begins again.
- The receives that had a ReceiveRequestAttemptId: a commit for each of them would pay for a repetition that hardly
  happens. A receive that is repeated at another node, or after a restart, gets the messages when their visibility
  timeout ends, and not at once.
- The invocations of a function that are under way, and the rates of API destinations and subscriptions, which change
  with each call. Nodes that share a store keep them there together (`shared_limits`).
"""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterable, Callable, Collection, Sequence
from typing import BinaryIO, Protocol

from nightbus.aws.calls import Scope
from nightbus.store.changes import (
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
    EntryRefused,
    GiveBack,
    Item,
    KeepBlob,
    PutRecord,
    ReleaseBlob,
    RequireRecord,
    StaleLease,
    StoreClosed,
    StoreUnavailable,
    TrimLog,
    TrimQueue,
)
from nightbus.store.values import (
    SYSTEM,
    Blob,
    Counts,
    Entry,
    Lease,
    Listener,
    LogName,
    QueuedItem,
    QueueName,
    Record,
    RecordName,
    Touched,
)

__all__ = [
    "FIRST_CHOSEN_OFFSET",
    "SYSTEM",
    "Acknowledge",
    "Append",
    "AppendOnce",
    "Blob",
    "Change",
    "Conflict",
    "Counts",
    "DeleteRecord",
    "Ended",
    "Enqueue",
    "EnqueueMany",
    "Entry",
    "EntryRefused",
    "GiveBack",
    "Item",
    "KeepBlob",
    "Lease",
    "Listener",
    "LogName",
    "PutRecord",
    "QueueName",
    "QueuedItem",
    "Record",
    "RecordName",
    "RecordReader",
    "ReleaseBlob",
    "RequireRecord",
    "StaleLease",
    "Store",
    "StoreClosed",
    "StoreUnavailable",
    "Touched",
    "TrimLog",
    "TrimQueue",
]


class RecordReader(Protocol):
    """Reads single records: a store, or a cache over one."""

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
        """All or nothing, durable on return; changes apply in the order given. Commits that are under way at the same
        time may be written in any order (SQLite keeps that of the calls).

        Raises Conflict (also as EntryRefused or Ended) and StaleLease; nothing was written then. Raises StoreClosed
        where the node is stopping. A backend that is reached over a network raises StoreUnavailable; the changes may
        have been written then or not. `patience`: for how many seconds the changes may wait for another commit, to
        share its sync; by default 0.
        """
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

    async def count_records(self, scope: Scope, kind: str) -> int:
        """How many records of the kind the scope holds, without reading their values: for quotas."""
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
        where it is not 0), or of several logs merged by (time, offset, log). Offsets of one log say what came first; an
        entry of another log may have the same one, and the same time.

        `since` <= time < `until` in UTC ms; `key` selects the entries appended under that key.
        """
        ...

    async def log_sizes(self, scope: Scope, log: str, step_ms: int) -> dict[int, int]:
        """The bytes that a log's entries take in the store, by when they are of: beginnings of steps of `step_ms`, in
        UTC ms."""
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

    async def lease_one(
        self, scope: Scope, queue: str, item: int, lease_ms: int, group: str | None = None
    ) -> Item | None:
        """This item, ahead of its turn. None where it is not due, is gone, or somebody has it; of a queue that is
        leased by group, `group` names its group (else None), and then also where somebody has another one of it."""
        ...

    async def peek(
        self,
        scope: Scope,
        queue: str,
        limit: int,
        *,
        beyond: tuple[int, int] | None = None,
        backwards: bool = False,
        items: Collection[int] | None = None,
    ) -> builtins.list[QueuedItem]:
        """At most `limit` items in order of (due, id), leased or not, without a lease: nothing changes.

        `beyond`: only those after this (due, id); with `backwards` the order is the other one. `items`: only these,
        by their ids.
        """
        ...

    async def lease_again(
        self, scope: Scope, queue: str, item: int, token: int, lease_ms: int, data: bytes | None = None
    ) -> Item | None:
        """The item, by a new lease in place of that of `token`, which stands. None where it does not stand any more.

        `data` is what the item had under that lease, where the caller has kept it: a backend need not read it again.
        """
        ...

    async def change_lease(
        self,
        scope: Scope,
        queue: str,
        item: int,
        ends: int,
        token: int | None = None,
        *,
        renewed: bool = False,
    ) -> bool:
        """Let a lease that stands end at `ends` (UTC ms). False, and no change, when nobody has the item, or somebody
        by another lease than that of `token`. `renewed`: its holder works on; by default the holder puts the item off
        until `ends`.

        Raises StoreUnavailable. Where the holder puts off work of the node's own (scope SYSTEM), that is done then as
        soon as the store answers, if the lease still stands."""
        ...

    async def newest_lease(self, scope: Scope, queue: str, item: int) -> Lease | None:
        """Whether it stands or has ended; None for an item that was never leased, or is gone."""
        ...

    async def count(self, scope: Scope, queue: str) -> Counts:
        """How many items the queue has."""
        ...

    async def leased(self, scope: Scope, queue: str, most: int) -> int:
        """How many items of the queue are leased; `most` where there are more, or as many."""
        ...

    async def oldest_due(self, scope: Scope, queue: str) -> int | None:
        """Since when (UTC ms) the item is due that is due for the longest time, leased or not; None where none is."""
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
