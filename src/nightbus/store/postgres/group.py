"""Writes a group of batches in one transaction: locks, decides, writes, and notes which records changed.

A batch that trims is a group of its own, cut at its trims into stages that see what the ones before did.
"""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard

from nightbus.store.interface import Acknowledge, Change, GiveBack, RecordName, StaleLease, TrimLog, TrimQueue
from nightbus.store.postgres import effects, locks, trims
from nightbus.store.postgres.names import Names
from nightbus.store.postgres.needs import Needs
from nightbus.store.postgres.plan import Plan
from nightbus.store.postgres.work import Work
from nightbus.store.scopes import NameKey

if TYPE_CHECKING:
    import asyncpg

Batch = Sequence[Change]
Note = Callable[["asyncpg.Connection", Collection[RecordName]], Awaitable[int]]


@dataclass(slots=True)
class Outcome:
    """`failures`: for each batch why it is refused, None where it is written. `ids`: of the items that it enqueued.
    `seq`: of the row that tells of the changed records, None where none changed."""

    failures: list[Exception | None] = field(default_factory=list)
    ids: list[list[int]] = field(default_factory=list)
    seq: int | None = None
    work: Work = field(default_factory=Work)


def trims_of(batch: Batch) -> list[TrimLog | TrimQueue]:
    return [change for change in batch if _is_trim(change)]


class Transaction:
    """Of one connection. `note` writes the row that tells of changed records."""

    def __init__(self, connection: asyncpg.Connection, names: Names, note: Note) -> None:
        self._connection = connection
        self._names = names
        self._note = note

    async def write(self, batches: Sequence[Batch]) -> Outcome:
        """All but the COMMIT, which the caller sends; ROLLBACK where this raises. Raises Stale, and what the driver
        does."""
        trimmed = [trim for batch in batches for trim in trims_of(batch)]
        needs = Needs()
        for batch in batches:
            needs.add(batch)
        numbered = await locks.numbers(self._connection, self._names, needs)
        if not trimmed:
            await self._connection.execute("BEGIN")
            return await self._write_stage(batches, needs, numbered)
        numbered |= await trims.numbers(self._connection, self._names, trimmed)
        await self._connection.execute("BEGIN")
        return await self._write_in_stages(batches[0], numbered)

    async def _write_stage(
        self, batches: Sequence[Batch], needs: Needs, numbered: dict[NameKey, int]
    ) -> Outcome:
        outcome, records = await self._stage(batches, needs, numbered)
        if records:
            outcome.seq = await self._note(self._connection, records)
        return outcome

    async def _stage(
        self, batches: Sequence[Batch], needs: Needs, numbered: dict[NameKey, int]
    ) -> tuple[Outcome, Collection[RecordName]]:
        """With the records that changed."""
        state = await locks.lock(self._connection, self._names, numbered, needs)
        plan, outcome, counts = Plan(state), Outcome(), [0]
        for batch in batches:
            outcome.failures.append(plan.apply(batch))
            counts.append(len(plan.items))
        absent = [name for name in needs.required if name not in state.revisions]
        ids, grouped = await effects.write(self._connection, plan, absent)
        outcome.ids = [ids[first:last] for first, last in itertools.pairwise(counts)]
        outcome.work = _work(plan, grouped)
        return outcome, plan.records

    async def _write_in_stages(self, batch: Batch, numbered: dict[NameKey, int]) -> Outcome:
        """The tokens of the whole batch are checked first, as they are for any batch."""
        needs = Needs()
        needs.add(batch)
        logs = [numbered[name] for name in needs.logs]
        await trims.lock(self._connection, trims_of(batch), logs, numbered)
        failure = await self._stale_lease(batch, numbered)
        whole, records = Outcome([failure], [[]]), dict[RecordName, None]()
        for is_trim, stage in itertools.groupby(map(_checked, batch), _is_trim):
            if whole.failures[0] is not None:
                return Outcome(whole.failures, [[]])
            if is_trim:
                whole.work |= await self._trim([change for change in stage if _is_trim(change)], numbered)
                continue
            changes, needs = list(stage), Needs()
            needs.add(changes)
            outcome, changed = await self._stage([changes], needs, numbered)
            whole.failures, whole.work = outcome.failures, whole.work | outcome.work
            whole.ids[0] += outcome.ids[0]
            records |= dict.fromkeys(changed)
        if records and whole.failures[0] is None:
            whole.seq = await self._note(self._connection, records)
        return whole

    async def _stale_lease(self, batch: Batch, numbered: dict[NameKey, int]) -> Exception | None:
        settling = [change for change in batch if isinstance(change, Acknowledge | GiveBack)]
        needs = Needs()
        needs.add(settling)
        try:
            Plan(await locks.lock(self._connection, self._names, numbered, needs)).check_leases(settling)
        except StaleLease as stale:
            return stale
        return None

    async def _trim(self, changes: Sequence[Change], numbered: dict[NameKey, int]) -> Work:
        work = Work()
        for change in changes:
            assert isinstance(change, TrimLog | TrimQueue)
            number = numbered.get(trims.name_of(change))
            if number is not None:
                await trims.trim(self._connection, change, number)
                touched = frozenset([number])
                work |= Work(logs=touched) if isinstance(change, TrimLog) else Work(offered=touched)
        return work


def _is_trim(change: Change) -> TypeGuard[TrimLog | TrimQueue]:
    return isinstance(change, TrimLog | TrimQueue)


def _checked(change: Change) -> Change:
    """Without its token, which was checked before the first stage."""
    return change._replace(token=None) if isinstance(change, Acknowledge | GiveBack) else change


def _work(plan: Plan, grouped: set[int]) -> Work:
    offered = {item.queue for item in plan.items} | grouped
    offered |= {queue for (queue, _), back in plan.settled.items() if back is not None}
    settled = {queue for queue, _ in plan.settled} - offered
    return Work(frozenset(offered), frozenset(settled), frozenset(entry.log for entry in plan.entries))
