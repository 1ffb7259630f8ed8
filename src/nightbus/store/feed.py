"""Tells listeners what each commit touched, in the order of the commits.

The feed runs on the event loop, after a commit is durable and before its caller is answered. So whoever was answered
finds its own change everywhere on the node: what listens has dropped what it had read before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from nightbus.store.interface import (
    Acknowledge,
    Append,
    AppendOnce,
    Change,
    DeleteRecord,
    Enqueue,
    EnqueueMany,
    GiveBack,
    Listener,
    LogName,
    PutRecord,
    QueueName,
    RecordName,
    Touched,
    TrimLog,
    TrimQueue,
)

log = logging.getLogger("nightbus.store")
_OF_RECORDS = frozenset({PutRecord, DeleteRecord})


@dataclass(frozen=True, slots=True, eq=False)
class _Watch:
    listener: Listener
    kinds: frozenset[str]
    queues: bool
    logs: bool


class Feed:
    """The listeners of one store."""

    def __init__(self) -> None:
        self._watches: list[_Watch] = []
        self._kinds: frozenset[str] = frozenset()
        self._queues = False
        self._logs = False

    def watch(
        self, listener: Listener, kinds: Collection[str] = (), *, queues: bool = False, logs: bool = False
    ) -> Callable[[], None]:
        """See `Store.watch`."""
        watch = _Watch(listener, frozenset(kinds), queues, logs)
        self._watches.append(watch)
        self._sum_up()

        def end() -> None:
            if watch in self._watches:
                self._watches.remove(watch)
                self._sum_up()

        return end

    def in_memory(self) -> dict[str, int]:
        return {"listeners of the feed": len(self._watches)}

    def _sum_up(self) -> None:
        self._kinds = frozenset[str]().union(*(watch.kinds for watch in self._watches))
        self._queues = any(watch.queues for watch in self._watches)
        self._logs = any(watch.logs for watch in self._watches)

    def committed(self, changes: Sequence[Change], collected: bool) -> None:
        """Tell the listeners of one commit. `collected`: it touches no record, as nearly all commits of a busy node."""
        if collected and not (self._queues or self._logs):
            return
        if not (self._queues or self._logs):
            changes = [change for change in changes if type(change) in _OF_RECORDS]
        touched = self._touched(changes)
        if any(touched):
            self.tell(touched)

    def tell(self, touched: Touched) -> None:
        """Tell the listeners of what one commit touched, or a few commits of another node."""
        for watch in tuple(self._watches):
            records = tuple(record for record in touched.records if record.kind in watch.kinds)
            queues = touched.queues if watch.queues else ()
            logs = touched.logs if watch.logs else ()
            if records or queues or logs:
                _call(watch.listener, Touched(records, queues, logs))

    @property
    def wants_queues(self) -> bool:
        """Whether a listener watches queues."""
        return self._queues

    @property
    def wants_logs(self) -> bool:
        """Whether a listener watches logs."""
        return self._logs

    def everything_may_have_changed(self) -> None:
        """Tell every listener that commits were missed: of another writer, while the connection to it was lost."""
        for watch in tuple(self._watches):
            _call(watch.listener, None)

    def _touched(self, changes: Sequence[Change]) -> Touched:
        records: dict[RecordName, None] = {}
        queues: dict[QueueName, None] = {}
        logs: dict[LogName, None] = {}
        # By their type, the most frequent first: unions cost `isinstance` a call for each member.
        for change in changes:
            if type(change) is Append or type(change) is AppendOnce or type(change) is TrimLog:
                if self._logs:
                    logs[LogName(change.scope, change.log)] = None
            elif type(change) is PutRecord or type(change) is DeleteRecord:
                if change.kind in self._kinds:
                    records[RecordName(change.scope, change.kind, change.key)] = None
            elif self._queues and isinstance(
                change, (Enqueue, EnqueueMany, Acknowledge, GiveBack, TrimQueue)
            ):
                queues[QueueName(change.scope, change.queue)] = None
        return Touched(tuple(records), tuple(queues), tuple(logs))


def _call(listener: Listener, touched: Touched | None) -> None:
    try:
        listener(touched)
    except Exception:  # the commit is durable, and its caller must hear so
        log.exception("a listener of the store failed; it may go by old values")
