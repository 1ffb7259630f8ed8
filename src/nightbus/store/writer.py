"""Makes many commits durable together.

One thread owns the writing connection. It takes every batch that is waiting into one transaction, so that all of them
share one sync to disk; a batch that conflicts or fails is rolled back alone and only its caller learns of it. What
cannot conflict (log entries, items put and done) is collected over all batches and written many rows a statement.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import orjson

from nightbus.store.blobs import BlobFolder
from nightbus.store.forms import newest
from nightbus.store.interface import (
    Acknowledge,
    Append,
    Change,
    Conflict,
    DeleteRecord,
    Enqueue,
    EnqueueMany,
    GiveBack,
    KeepBlob,
    PutRecord,
    ReleaseBlob,
    RequireRecord,
    TrimLog,
    TrimQueue,
)
from nightbus.store.names import Names, scope_text
from nightbus.store.requirements import standing_first
from nightbus.store.rows import NewRows
from nightbus.store.schema import CLOCK

log = logging.getLogger("nightbus.store")
_MOST_TOGETHER = 512

_COLLECTED = frozenset({Append, Enqueue, EnqueueMany, Acknowledge})

Settle = Callable[[Sequence[Change], int], bool]


@dataclass(slots=True)
class _Batch:
    changes: Sequence[Change]
    settle: Settle
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[None]
    collected: bool  # nothing but what cannot conflict
    first_item: int = 0  # the id of the first item that it enqueues; the others follow


class StoreClosed(Exception):
    """The store takes no more commits, since the node is stopping."""


class Writer:
    """Each with the changes of a batch: `written` is called on the writer's thread after the commit, a batch's
    `settle` on its event loop before the caller goes on, also with the id of its first enqueued item; it says whether
    it woke somebody. `after_group` is the time to look at the size of the write-ahead log; `make_room` is called before
    a failed group is tried again, for where the disk is full that log may be in the way.
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
    ) -> None:
        self._connection = connection
        self._names = names
        self._blobs = blobs
        self._written = written
        self._after_group = after_group
        self._make_room = make_room
        self._now_ms = now_ms
        self._waiting: queue.SimpleQueue[list[_Batch] | None] = queue.SimpleQueue()
        self._in_trouble = False
        self._closed = False
        self._gate = threading.Lock()  # nothing is put after the None that ends the thread
        self._turns: dict[asyncio.AbstractEventLoop, list[_Batch]] = {}
        self._timers: dict[asyncio.AbstractEventLoop, asyncio.TimerHandle] = {}  # of turns that only wait
        self._counters: dict[str, int] = dict(connection.execute("SELECT name, value FROM counter"))
        self._rows = NewRows(connection)
        self._data = 0  # bytes that the group writes
        self._thread = threading.Thread(target=self._run, name="nightbus-store-writer", daemon=True)
        self._thread.start()

    async def submit(self, changes: Sequence[Change], settle: Settle, patience: float = 0.0) -> None:
        """Handed over at the end of the loop's turn, since each hand-over wakes a thread; with `patience` after so many
        seconds, or with the next one that has none."""
        loop = asyncio.get_running_loop()
        collected = all(type(change) in _COLLECTED for change in changes)
        batch = _Batch(changes, settle, loop, loop.create_future(), collected)
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
        await batch.done  # whoever waits may be cancelled; the batch is written all the same

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        with self._gate:
            self._timers.pop(loop, None)
            batches = self._turns.pop(loop, None)
            if batches:
                self._waiting.put(batches)

    def close(self) -> None:
        """Blocks until what was submitted is written."""
        with self._gate:
            self._closed = True
            for batches in self._turns.values():
                self._waiting.put(batches)
            self._turns.clear()
            self._waiting.put(None)
        self._thread.join()

    def _run(self) -> None:
        running = True
        while running:
            turn = self._waiting.get()
            batches: list[_Batch] = []
            with contextlib.suppress(queue.Empty):
                while turn is not None:
                    batches += turn
                    if len(batches) >= _MOST_TOGETHER:
                        break
                    turn = self._waiting.get_nowait()
            running = turn is not None
            if batches:
                self._write(batches)

    def _write(self, batches: list[_Batch]) -> None:
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
        self._after_group(self._data)
        self._data = 0

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
        counters = dict(self._counters)
        execute("BEGIN IMMEDIATE")
        try:
            outcomes = [self._apply_batch(batch) for batch in batches]
            self._rows.flush()
            self._counters[CLOCK] = -(-self._now_ms() // 1000) * 1000  # to the second: seldom another one
            changed = [value for pair in self._counters.items() - counters.items() for value in pair]
            if changed:
                rows = ",".join(["(?, ?)"] * (len(changed) // 2))
                execute(f"INSERT OR REPLACE INTO counter VALUES {rows}", changed)  # noqa: S608
            execute("COMMIT")
        except BaseException:
            self._counters = counters
            self._names.forget_new()
            self._names.back_to({})
            self._rows.clear()
            with contextlib.suppress(sqlite3.Error):
                execute("ROLLBACK")
            raise
        self._names.keep_new()
        return outcomes

    def _apply_batch(self, batch: _Batch) -> Exception | None:
        batch.first_item = self._counters["item"] + 1
        if batch.collected:
            for change in batch.changes:
                self._collect(change)
            return None
        self._rows.flush()
        return self._apply_together(batch.changes)

    def _apply_together(self, changes: Sequence[Change]) -> Exception | None:
        """All of them or, where one conflicts or cannot be kept, none and why."""
        execute, ending = self._connection.execute, self._names.ending()
        execute("SAVEPOINT batch")
        try:
            for change in changes[standing_first(self._connection, changes) :]:
                if type(change) in _COLLECTED:
                    self._collect(change)
                else:
                    self._rows.flush()
                    self._apply(change)
            self._rows.flush()
        except sqlite3.Error:
            raise  # the transaction may be gone with it
        except Exception as failure:  # the caller's, not the writer's
            self._rows.clear()
            execute("ROLLBACK TO batch")
            execute("RELEASE batch")
            self._names.forget_new()
            self._names.back_to(ending)
            return failure
        execute("RELEASE batch")
        return None

    def _collect(self, change: Change) -> None:
        if isinstance(change, Append):
            scope, log, time, data, key = change
            self._counters["position"] = position = self._counters["position"] + 1
            self._rows.entry(self._names.id(scope, "log", log), position, time, key, data)
            self._data += len(data)
        elif isinstance(change, Enqueue):
            scope, name, data, due, group = change
            self._counters["item"] = item = self._counters["item"] + 1
            self._rows.item(item, self._names.id(scope, "queue", name), due, data, group)
            self._data += len(data)
        elif isinstance(change, EnqueueMany):
            first = self._counters["item"] + 1
            self._counters["item"] += len(change.data)
            number = self._names.id(change.scope, "queue", change.queue)
            self._rows.many_items(first, number, change.due, change.data)
            self._data += sum(map(len, change.data))
        elif isinstance(change, Acknowledge):
            self._rows.gone(change.item)

    def _apply(self, change: Change) -> None:
        execute = self._connection.execute
        match change:
            case PutRecord():
                self._put_record(change)
            case DeleteRecord():
                self._expect(change)
                execute(
                    "DELETE FROM record WHERE kind = ? AND scope = ? AND key = ?",
                    (change.kind, scope_text(change.scope), change.key),
                )
            case RequireRecord():
                self._expect(change)
            case TrimLog():
                self._trim_log(change)
            case TrimQueue():
                self._trim_queue(change)
            case GiveBack():
                execute(
                    "UPDATE item SET due = ?, data = coalesce(?, data) WHERE id = ?",
                    (change.due, change.data, change.item),
                )
            case KeepBlob():
                self._blobs.hold(change.digest)
                execute("INSERT OR IGNORE INTO blob_owner VALUES (?, ?)", (change.digest, change.owner))
            case ReleaseBlob():
                execute(
                    "DELETE FROM blob_owner WHERE digest = ? AND owner = ?", (change.digest, change.owner)
                )

    def _trim_log(self, change: TrimLog) -> None:
        execute, number = self._connection.execute, self._names.find(change.scope, "log", change.log)
        if number is not None and change.before is not None:
            execute("DELETE FROM entry WHERE log = ? AND time < ?", (number, change.before))
            if execute("SELECT 1 FROM entry WHERE log = ? LIMIT 1", (number,)).fetchone() is not None:
                return
        elif number is not None:
            execute("DELETE FROM entry WHERE log = ?", (number,))
        if number is not None or change.ended:
            self._names.drop(change.scope, "log", change.log, ended=change.ended)

    def _trim_queue(self, change: TrimQueue) -> None:
        """An empty queue keeps its number, which whoever receives from it knows, until all of it goes."""
        execute, number = self._connection.execute, self._names.find(change.scope, "queue", change.queue)
        if change.before is not None:
            execute("DELETE FROM item WHERE queue = ? AND due < ?", (number, change.before))
            return
        execute("DELETE FROM item WHERE queue = ?", (number,))
        self._names.drop(change.scope, "queue", change.queue, ended=change.ended)

    def _put_record(self, change: PutRecord) -> None:
        revision, data = self._expect(change), orjson.dumps(change.value)
        self._data += len(data)
        self._connection.execute(
            "INSERT OR REPLACE INTO record VALUES (?, ?, ?, ?, ?, ?)",
            (scope_text(change.scope), change.kind, change.key, revision + 1, data, newest(change.kind)),
        )

    def _expect(self, change: PutRecord | DeleteRecord | RequireRecord) -> int:
        """The revision that stands now, 0 for none. Raises Conflict when another one was expected."""
        row = self._connection.execute(
            "SELECT revision FROM record WHERE kind = ? AND scope = ? AND key = ?",
            (change.kind, scope_text(change.scope), change.key),
        ).fetchone()
        revision: int = row[0] if row else 0
        if change.expect is not None and change.expect != revision:
            raise Conflict(change.kind, change.key)
        return revision

    def _report(self, batches: list[_Batch], outcomes: list[Exception | None]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Batch, Exception | None]]] = {}
        for batch, failure in zip(batches, outcomes, strict=True):
            by_loop.setdefault(batch.loop, []).append((batch, failure))
        for loop, results in by_loop.items():
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile; nobody waits
                loop.call_soon_threadsafe(self._resolve, results)

    def _resolve(self, results: list[tuple[_Batch, Exception | None]]) -> None:
        """Who waits for an item goes on a turn of the loop before who waits for the commit: a function is given its
        event before the client is answered, which takes longer."""
        woken = False
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
        if batch.done.cancelled():
            continue
        if failure is None:
            batch.done.set_result(None)
        else:
            batch.done.set_exception(failure)
