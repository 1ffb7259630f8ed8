"""Makes many commits durable together: one transaction, with one sync to disk, for all that are waiting.

A batch is what one caller commits. The callers hand their batches over to one thread, which owns the writing connection
and does this again and again:

    event loop                       writer's thread
    ----------                       ---------------
    submit: the batch joins those
      of this turn of the loop
    end of the turn: hand-over  -->  takes all that wait, at most `_MOST_TOGETHER`
                                     BEGIN; each batch in its turn; COMMIT, which syncs
    settle, then the caller    <--   reports the outcomes, in the order of the batches
      goes on, batch by batch

What holds, and by what:

1. A caller goes on after its changes are on disk. A report follows the COMMIT, which `synchronous=FULL` makes a sync.
2. A batch is written as a whole or not at all. One that consists of new rows, of rows that go (`COLLECTED`) and of
   requirements cannot be refused halfway: requirements are looked up before any of its rows is collected. One with a
   requirement that does not stand, or an AppendOnce that may be refused, is none of these. Every other batch has a
   savepoint of its own, for which SQLite copies each page that the batch changes.
3. A batch that is refused harms no other one. Where the database itself fails, or a collected batch adds to a name
   that has ended, the group is rolled back, and each batch is tried again in a transaction of its own.
4. Batches of one event loop are written in the order in which they were submitted, and settled in that order: turns,
   hand-overs and reports are queues, and there is one thread. So the messages of a FIFO queue, which are numbered in
   the turn of their submission, do not collide on one node; and the feed tells of commits in their order.
5. What is in memory (leases, wake-ups, caches) changes in `settle`, on the event loop and before the caller goes on.
   So nothing in memory is ahead of the disk, and whoever was answered finds its own change.
6. A change of a batch sees what the batches before it did. Collected rows are not in the database yet: they are flushed
   before anything reads or removes rows. `Names` and the counters keep what the transaction made apart until COMMIT,
   and drop it with a ROLLBACK; `AppendChecks` believes the database rather than itself where it would refuse.
7. Whoever waits may be cancelled; the batch is written all the same, and settled.

What would break them: a second writing connection (4, 6); a change in `COLLECTED` that reads rows (6), or that may be
refused and is not asked about beforehand (2); an `await` in `settle` (5), or between the numbering of a FIFO message
and `submit` (4); an outcome that is reported before COMMIT returned (1).

Why a group: a commit costs a sync (0.2 ms where the log is overwritten) and wakes a thread, whatever it holds. 1,900
commits a second with one caller become 15,000 with sixteen. Nobody waits for a group to fill: it is what came while the
last one was written.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nightbus.counters import CommitCounts
from nightbus.store.interface import AppendOnce, Change, RequireRecord, StoreClosed
from nightbus.store.sqlite.blobs import BlobFolder
from nightbus.store.sqlite.names import Names
from nightbus.store.sqlite.requirements import all_stand, standing_first
from nightbus.store.sqlite.row_changes import COLLECTED, RowChanges
from nightbus.store.sqlite.schema import CLOCK

log = logging.getLogger("nightbus.store")
_MOST_TOGETHER = 512

Settle = Callable[[Sequence[Change], int], bool]


@dataclass(slots=True)
class _Batch:
    changes: Sequence[Change]
    settle: Settle
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    collected: bool  # nothing but new rows, rows that go, and requirements
    once: bool  # it has an AppendOnce
    requires: bool  # it has a RequireRecord
    first_item: int = 0  # the id of the first item that it enqueues; the others follow


class Writer:
    """Each with the changes of a batch: `written` is called on the writer's thread after the commit, a batch's
    `settle` on its event loop before the caller goes on, also with the id of its first enqueued item; it says whether
    it woke somebody. `after_group` is the time to look at the size of the write-ahead log; `make_room` is called before
    a failed group is tried again, for where the disk is full that log may be in the way.

    With `inline` there is no thread, and no patience: a group is written at the end of the turn, on the event loop.
    That is for a node that serves one test and does not sync: to wake the thread takes longer than to write.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        names: Names,
        blobs: BlobFolder,
        written: Callable[[Sequence[Change]], None],
        after_group: Callable[[int], None],
        make_room: Callable[[], None],
        now_ms: Callable[[], int],
        counts: CommitCounts,
        *,
        inline: bool = False,
    ) -> None:
        self._connection = connection
        self._names = names
        self._blobs = blobs
        self._written = written
        self._after_group = after_group
        self._make_room = make_room
        self._now_ms = now_ms
        self._counts = counts
        self._waiting: queue.SimpleQueue[list[_Batch] | None] = queue.SimpleQueue()
        self.under_way = 0  # batches whose callers wait
        self._in_trouble = False
        self._closed = False
        self._gate = threading.Lock()  # nothing is put after the None that ends the thread
        self._turns: dict[asyncio.AbstractEventLoop, list[_Batch]] = {}
        self._timers: dict[asyncio.AbstractEventLoop, asyncio.TimerHandle] = {}  # of turns that only wait
        self._changes = RowChanges(connection, names, blobs)
        self._thread: threading.Thread | None = None
        if not inline:
            self._thread = threading.Thread(target=self._run, name="nightbus-store-writer", daemon=True)
            self._thread.start()

    async def submit(self, changes: Sequence[Change], settle: Settle, patience: float = 0.0) -> None:
        """Handed over at the end of the loop's turn, since each hand-over wakes a thread; with `patience` after so many
        seconds, or with the next one that has none."""
        loop = asyncio.get_running_loop()
        kinds = set(map(type, changes))
        requires = RequireRecord in kinds
        kinds.discard(RequireRecord)
        collected, once = kinds <= COLLECTED, AppendOnce in kinds
        batch = _Batch(changes, settle, loop, loop.create_future(), collected, once, requires)
        if self._thread is None:
            patience = 0.0
        with self._gate:
            if self._closed:
                raise StoreClosed("the store is closed")
            turn = self._turns.get(loop)
            if turn is not None:
                turn.append(batch)
            else:
                self._turns[loop] = [batch]
            if patience and turn is None:
                self._timers[loop] = loop.call_later(patience, self._hand_over, loop)
            elif not patience and (turn is None or loop in self._timers):
                timer = self._timers.pop(loop, None)
                if timer is not None:
                    timer.cancel()
                loop.call_soon(self._hand_over, loop)
            self.under_way += 1
        await batch.done  # whoever waits may be cancelled; the batch is written all the same

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._gate:
            self._timers.pop(loop, None)
            batches = self._turns.pop(loop, None)
            if batches:
                self._waiting.put(batches)
            if self._thread is None:
                self._write_waiting()

    def close(self) -> None:
        """Blocks until what was submitted is written."""
        with self._gate:
            self._closed = True
            for batches in self._turns.values():
                self._waiting.put(batches)
            self._turns.clear()
            self._waiting.put(None)
            if self._thread is None:
                self._write_waiting()
        if self._thread is not None:
            self._thread.join()

    def _write_waiting(self) -> None:
        while not self._waiting.empty():
            self._write_next()

    def _run(self) -> None:
        while self._write_next():
            pass

    def _write_next(self) -> bool:
        """Write a group, once there is one. Returns whether another one may follow."""
        turn = self._waiting.get()
        batches: list[_Batch] = []
        with contextlib.suppress(queue.Empty):
            while turn is not None:
                batches += turn
                if len(batches) >= _MOST_TOGETHER:
                    break
                turn = self._waiting.get_nowait()
        if batches:
            try:
                self._write(batches)
            except Exception as fault:  # this thread is the only one: without it no commit would ever end
                log.exception("the writer of the store failed")
                self._report(batches, [fault] * len(batches))
        return turn is not None

    def _write(self, batches: list[_Batch]) -> None:
        began = time.perf_counter()
        try:
            outcomes = self._transaction(batches)
        except Exception as error:  # of the disk, or of one batch's rows: alone, each has its own outcome
            if isinstance(error, sqlite3.OperationalError):
                self._make_room()
            outcomes = [self._alone(batch) for batch in batches]
        finally:
            self._blobs.let_go()
        for batch, failure in zip(batches, outcomes, strict=True):
            if failure is None and not batch.collected:
                self._written(batch.changes)
        self._tell(outcomes)
        self._report(batches, outcomes)
        self._count(batches, outcomes, time.perf_counter() - began)
        self._after_group(self._changes.written_bytes)
        self._changes.written_bytes = 0

    def _count(self, batches: list[_Batch], outcomes: list[Exception | None], seconds: float) -> None:
        counts = self._counts
        counts.groups += 1
        counts.batches += len(batches)
        counts.changes += sum(len(batch.changes) for batch in batches)
        counts.failed += len(outcomes) - outcomes.count(None)
        counts.bytes += self._changes.written_bytes
        counts.seconds.observe(seconds)
        counts.group_bytes.observe(self._changes.written_bytes)

    def _tell(self, outcomes: list[Exception | None]) -> None:
        """Once when the disk takes no more, and once when it does again."""
        trouble = next((one for one in outcomes if isinstance(one, sqlite3.OperationalError)), None)
        if trouble is not None and not self._in_trouble:
            log.error("what is to be kept cannot be written (%s): it is refused until there is room", trouble)
        elif trouble is None and self._in_trouble:
            log.warning("what is to be kept can be written again")
        self._in_trouble = trouble is not None

    def _alone(self, batch: _Batch) -> Exception | None:
        try:
            return self._transaction([batch])[0]
        except Exception as failure:
            return failure

    def _transaction(self, batches: list[_Batch]) -> list[Exception | None]:
        execute = self._connection.execute
        counters = dict(self._changes.counters)
        execute("BEGIN IMMEDIATE")
        try:
            outcomes = [self._apply_batch(batch) for batch in batches]
            self._changes.rows.flush()
            # To the second, so that it is seldom another one.
            self._changes.counters[CLOCK] = -(-self._now_ms() // 1000) * 1000
            changed = [value for pair in self._changes.counters.items() - counters.items() for value in pair]
            if changed:
                rows = ",".join(["(?, ?)"] * (len(changed) // 2))
                execute(f"INSERT OR REPLACE INTO counter VALUES {rows}", changed)  # noqa: S608
            execute("COMMIT")
        except BaseException:
            self._changes.counters = counters
            self._names.forget_new()
            self._names.back_to({})
            self._changes.rows.clear()
            with contextlib.suppress(sqlite3.Error):
                execute("ROLLBACK")
            raise
        self._names.keep_new()
        return outcomes

    def _apply_batch(self, batch: _Batch) -> Exception | None:
        batch.first_item = self._changes.counters["item"] + 1
        if batch.collected and self._is_free_to_go(batch):
            for change in batch.changes:
                self._changes.collect(change)
            return None
        self._changes.rows.flush()
        return self._apply_together(batch.changes)

    def _is_free_to_go(self, batch: _Batch) -> bool:
        """Whether nothing of the batch can be refused. Collected rows that wait to be flushed are none of records."""
        if batch.requires and not all_stand(self._connection, batch.changes):
            return False
        return not batch.once or self._changes.checks.pass_at_once(batch.changes)

    def _apply_together(self, changes: Sequence[Change]) -> Exception | None:
        """All of them or, where one conflicts or cannot be kept, none and why."""
        execute, ending = self._connection.execute, self._names.ending()
        execute("SAVEPOINT batch")
        try:
            for change in changes[standing_first(self._connection, changes) :]:
                if type(change) is AppendOnce:
                    self._changes.checks.check(change)
                if type(change) in COLLECTED:
                    self._changes.collect(change)
                else:
                    self._changes.rows.flush()
                    self._changes.apply(change)
            self._changes.rows.flush()
        except sqlite3.Error:
            raise  # the transaction may be gone with it
        except Exception as failure:  # the caller's, not the writer's
            self._changes.rows.clear()
            execute("ROLLBACK TO batch")
            execute("RELEASE batch")
            self._names.forget_new()
            self._names.back_to(ending)
            return failure
        execute("RELEASE batch")
        return None

    def in_memory(self) -> dict[str, int]:
        return self._changes.checks.in_memory()

    def _report(self, batches: list[_Batch], outcomes: list[Exception | None]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Batch, Exception | None]]] = {}
        for batch, failure in zip(batches, outcomes, strict=True):
            by_loop.setdefault(batch.loop, []).append((batch, failure))
        for loop, results in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile; nobody waits
                loop.call_soon_threadsafe(self._resolve, results)

    def _resolve(self, results: list[tuple[_Batch, Exception | None]]) -> None:
        """Settle the batches, then answer their callers. Where `settle` woke workers that wait for an item, they run
        one turn of the loop before the callers: a function gets its event before the client is answered, which takes
        longer."""
        woken = False
        self.under_way -= len(results)
        for batch, failure in results:
            if failure is None:
                try:
                    woken |= batch.settle(batch.changes, batch.first_item)
                except Exception:  # the commit is durable; its caller and the others hear so
                    log.exception("what is kept in memory of the queues may be behind the store")
        if woken:
            asyncio.get_running_loop().call_soon(_answer, results)
        else:
            _answer(results)


def _answer(results: list[tuple[_Batch, Exception | None]]) -> None:
    for batch, failure in results:
        if batch.done.done():  # whoever waited was cancelled
            continue
        if failure is None:
            batch.done.set_result(None)
        else:
            batch.done.set_exception(failure)
