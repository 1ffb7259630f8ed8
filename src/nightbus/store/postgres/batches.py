"""Holds what one caller commits, and the group of those that one transaction wrote, until the callers are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from nightbus.store.interface import Append, AppendOnce, Change, Enqueue, EnqueueMany
from nightbus.store.postgres.group import Outcome
from nightbus.store.postgres.work import Work


@dataclass(slots=True, eq=False)
class Batch:
    changes: Sequence[Change]
    done: asyncio.Future[None]
    size: int
    trims: bool
    is_plain: bool
    submitted: float = field(default_factory=time.monotonic)
    failure: Exception | None = None
    ids: list[int] = field(default_factory=list)  # of the items that it enqueued


@dataclass(slots=True)
class Group:
    """One transaction that was tried. `is_unknown`: whether it was committed is not known."""

    batches: list[Batch]
    seq: int | None = None
    work: Work = field(default_factory=Work)
    is_unknown: bool = False

    @property
    def written(self) -> list[Batch]:
        return [batch for batch in self.batches if batch.failure is None]


def group_of(batches: list[Batch], outcome: Outcome) -> Group:
    """The transaction was committed."""
    for batch, failure, ids in zip(batches, outcome.failures, outcome.ids, strict=True):
        batch.failure, batch.ids = failure, ids
    return Group(batches, outcome.seq, outcome.work)


def size_of(changes: Sequence[Change]) -> int:
    size = 0
    for change in changes:
        if isinstance(change, Append | Enqueue | AppendOnce):
            size += len(change.data)
        elif isinstance(change, EnqueueMany):
            size += sum(map(len, change.data))
    return size


def answer(group: Group) -> None:
    for batch in group.batches:
        if batch.done.done():  # whoever waited was cancelled
            continue
        if batch.failure is None:
            batch.done.set_result(None)
        else:
            batch.done.set_exception(batch.failure)
