"""Remembers the messages that were sent to a FIFO queue or topic in the last five minutes, and its sequence numbers.

Each queue or topic has a log with an entry for each message, which the message's own commit appends (`AppendOnce`).
Its key is the deduplication id, and its offset gives the sequence number. So the store decides which of two
messages is the first with an id, and sees to it that sequence numbers grow in the order of the commits, whichever nodes
send.

In memory is what this node knows of the log: its last five minutes when they were read, what this node sent since, and
what it is committing right now. So a node that is alone finds every duplicate here, and waits here for the outcome of a
commit that has reserved an id. What another node sent is learned from the refusal of a commit (`learn`).

Entries of Nightbus 0.1 have an offset from the store; they count like the others once `load` has found them.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from typing import NamedTuple

import orjson

from nightbus.aws.calls import Scope
from nightbus.store.interface import AppendOnce, EntryRefused, Store

WINDOW_MS = 5 * 60 * 1000
_OFFSETS_PER_MS = 20  # bits
_NUMBERS_PER_OFFSET = 2  # bits


class WaitsInCircle(Exception):
    """The commit `other`, which has reserved an id, waits for one that the caller has reserved."""

    def __init__(self, other: Reserving) -> None:
        super().__init__("two commits wait for each other's deduplication ids")
        self.other = other


class SequenceNumbers:
    """The offsets of a node's next messages in their logs, which grow with the time, and so over a restart as well."""

    def __init__(self) -> None:
        self._last = 0
        self.given = 0  # how many, ever

    def next(self, now: int, newest: int) -> int:
        """Above `newest`, which the log has, and above all that were given before. `now` is UTC ms."""
        self.given += 1
        self._last = max(self._last + 1, newest + 1, now << _OFFSETS_PER_MS)
        return self._last


def sequence_number(offset: int) -> str:
    """Twenty digits that grow with the offset, and are not consecutive, as AWS's."""
    return f"{offset << _NUMBERS_PER_OFFSET:020d}"


class Reserving:
    """A commit that is being prepared, and to which the ids that it reserves belong until its outcome is known."""

    def __init__(self) -> None:
        self._outcome: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waits_for: Reserving | None = None

    def settle(self, committed: bool) -> None:
        if not self._outcome.done():
            self._outcome.set_result(committed)

    async def outcome(self) -> bool:
        """Whether it was committed, once that is known."""
        return await asyncio.shield(self._outcome)

    async def outcome_of(self, other: Reserving) -> bool:
        """Raises WaitsInCircle where the other one could not come to an outcome before this one does."""
        ahead: Reserving | None = other
        while ahead is not None:
            if ahead is self:
                raise WaitsInCircle(other)
            ahead = ahead._waits_for
        self._waits_for = other
        try:
            return await other.outcome()
        finally:
            self._waits_for = None


class SentMessage(NamedTuple):
    """What SendMessage answers; `pending` is the commit of the message, None where that is on disk."""

    message_id: str
    sequence: str
    time: int
    pending: Reserving | None = None


def log_of(queue: str) -> str:
    return f"deduplication/{queue}"


class Deduplication:
    """Of one queue or topic; `load` first. `newest_offset` is that of its log that was read."""

    def __init__(self, scope: Scope, queue: str) -> None:
        self._scope = scope
        self._log = log_of(queue)
        self._sent: dict[str, SentMessage] = {}
        self._order: deque[tuple[int, str]] = deque()
        self.newest_offset = 0

    async def load(self, store: Store, now: int) -> None:
        after = 0
        while entries := await store.read(self._scope, self._log, after=after, limit=1000):
            after = entries[-1].offset
            for entry in entries:
                key, message_id, sequence = orjson.loads(entry.data)
                self.newest_offset = max(self.newest_offset, int(sequence) >> _NUMBERS_PER_OFFSET)
                if entry.time > now - WINDOW_MS:
                    self._note(key, SentMessage(message_id, sequence, entry.time))

    async def find(self, key: str, now: int, by: Reserving) -> SentMessage | None:
        """The earlier message with this key, once it is on disk. Raises WaitsInCircle."""
        self._forget_before(now - WINDOW_MS)
        while (sent := self._sent.get(key)) is not None:
            if sent.pending is None or await by.outcome_of(sent.pending):
                return self._sent.get(key, sent)  # it may have got another number meanwhile
        return None

    def forget(self, now: int) -> None:
        """What is older than the window."""
        self._forget_before(now - WINDOW_MS)

    def __len__(self) -> int:
        return len(self._sent)

    def newest(self, key: str) -> SentMessage:
        """The one that has the key, on disk or not."""
        return self._sent[key]

    def reserve(self, key: str, message_id: str, offset: int, now: int, by: Reserving) -> AppendOnce:
        """The change that belongs into the message's commit; then `settle`."""
        sent = SentMessage(message_id, sequence_number(offset), now, by)
        self._note(key, sent)
        return self._entry(key, sent, offset)

    def number(self, key: str, offset: int) -> AppendOnce:
        """The change for a reserved key in place of the one before: its message gets another number."""
        sent = self._sent[key] = self._sent[key]._replace(sequence=sequence_number(offset))
        return self._entry(key, sent, offset)

    def _entry(self, key: str, sent: SentMessage, offset: int) -> AppendOnce:
        data = orjson.dumps([key, sent.message_id, sent.sequence])
        return AppendOnce(self._scope, self._log, sent.time, data, key, offset, sent.time - WINDOW_MS)

    def has(self, log: str) -> bool:
        """Whether that is its log in the store."""
        return log == self._log

    def learn(self, refused: EntryRefused) -> None:
        """Another node's message has the key, or a higher number: keep that in mind for the next attempt."""
        if self.has(refused.log):
            self.newest_offset = max(self.newest_offset, refused.newest)
            if refused.entry is not None:
                key, message_id, sequence = orjson.loads(refused.entry.data)
                self._note(key, SentMessage(message_id, sequence, refused.entry.time))

    def settle(self, key: str, committed: bool) -> None:
        """Then settle its commit."""
        sent = self._sent[key]
        if committed:
            self._sent[key] = sent._replace(pending=None)
        else:
            del self._sent[key]

    def _note(self, key: str, sent: SentMessage) -> None:
        self._sent[key] = sent
        self._order.append((sent.time, key))

    def _forget_before(self, time: int) -> None:
        while self._order and self._order[0][0] <= time:
            noted, key = self._order.popleft()
            sent = self._sent.get(key)
            if sent is not None and sent.time == noted and sent.pending is None:
                del self._sent[key]


class Windows:
    """The windows of all queues, or of all topics: one is there from its first use until nothing is in it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._windows: dict[str, Deduplication] = {}

    async def of(self, scope: Scope, queue: str, now: int) -> Deduplication:
        window = self._windows.get(queue)
        if window is None:
            loading = Deduplication(scope, queue)
            await loading.load(self._store, now)
            window = self._windows.setdefault(queue, loading)
        return window

    def end(self, queue: str) -> None:
        self._windows.pop(queue, None)

    def forget(self, now: int) -> None:
        for queue, window in list(self._windows.items()):
            window.forget(now)
            if not len(window):
                del self._windows[queue]

    def __len__(self) -> int:
        return sum(map(len, self._windows.values())) + len(self._windows)


def content_key(body: str) -> str:
    """The deduplication id of a message that was given none, where its content decides."""
    return hashlib.sha256(body.encode()).hexdigest()
