"""Collects what one commit sends to queues: the messages, their deduplication ids and their FIFO sequence numbers.

A FIFO queue's numbers grow in the order in which its messages are committed, although messages of several commits are
prepared at the same time: `QueueWrites.commit` gives them anew where others got numbers since. The store refuses a
commit that another node's came before (EntryRefused), and says what stands there. Where a higher number is all that is
needed, the commit is tried again with it; else the caller begins again, and finds the duplicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from nightbus.aws.ids import new_uuid
from nightbus.clock import Clock
from nightbus.messaging.deduplication import (
    Deduplication,
    Reserving,
    SequenceNumbers,
    WaitsInCircle,
    sequence_number,
)
from nightbus.messaging.message import Message, PlainMessages, encode
from nightbus.messaging.queue import Queue
from nightbus.store.interface import Change, Conflict, Enqueue, EntryRefused, Store


class Incoming(NamedTuple):
    """A message to be sent, checked already.

    `attributes` and `signature_version` as `Message` has them; `delay_ms` None is the queue's own.
    """

    body: str
    attributes: dict[str, dict[str, str]]
    group: str = ""
    deduplication: str = ""
    delay_ms: int | None = None
    trace: str = ""
    signature_version: str = ""


class Numbered(NamedTuple):
    """A FIFO queue's message: its index among the changes, right after its deduplication id, and that id."""

    at: int
    message: Message
    window: Deduplication
    key: str


class QueueWrites:
    """The changes of one commit, in order. Then `commit`, or `settle(committed=False)` where it comes to nothing.

    What is reserved and never settled is waited for without an end: whoever adds to this lets it go on every way out.
    """

    def __init__(
        self, store: Store, clock: Clock, numbers: SequenceNumbers, changes: Sequence[Change]
    ) -> None:
        self._store = store
        self._clock = clock
        self._numbers = numbers
        self.changes = list(changes)
        self._reserving = Reserving()
        self._reserved: list[tuple[Deduplication, str]] = []
        self._numbered: list[Numbered] = []
        self._given_before = 0  # how many sequence numbers were given when this got its first
        self._taken = 0  # how many of them it got

    async def reserve(self, window: Deduplication, key: str, message_id: str, now: int) -> str | Accepted:
        """The sequence number of a message that is the first with its key, or how the first was answered.

        Raises Conflict, and has settled then, where another commit waits for this one and has the key: the caller
        begins again.
        """
        if any(window is other and key == reserved for other, reserved in self._reserved):
            newest = window.newest(key)
            return Accepted(newest.message_id, newest.sequence)
        try:
            earlier = await window.find(key, now, self._reserving)
        except WaitsInCircle as circle:
            self.settle(committed=False)
            await circle.other.outcome()  # else both would begin again, and meet again
            raise Conflict("deduplication id", key) from None
        if earlier is not None:
            return Accepted(earlier.message_id, earlier.sequence)
        if not self._taken:
            self._given_before = self._numbers.given
        self._taken += 1
        offset = self._numbers.next(now, window.newest_offset)
        self.changes.append(window.reserve(key, message_id, offset, now, self._reserving))
        self._reserved.append((window, key))
        return sequence_number(offset)

    def add_numbered(self, message: Message, window: Deduplication, key: str, enqueue: Enqueue) -> None:
        """The message of a FIFO queue whose key was reserved just now."""
        self._numbered.append(Numbered(len(self.changes), message, window, key))
        self.changes.append(enqueue)

    def sequence(self, accepted: Accepted) -> str:
        """The number under which the message was committed."""
        numbers = {one.message.id: one.message.sequence for one in self._numbered}
        return numbers.get(accepted.message_id, accepted.sequence)

    async def commit(self, *further: Change) -> None:
        """One commit of `changes` and `further`. Raises what the store raises, and has settled then too."""
        committed = False
        reserved = self._reserved
        try:
            if self._numbered and self._numbers.given - self._given_before != self._taken:
                self._number_anew()
            while not committed:
                try:
                    await self._store.commit(*self.changes, *further)
                    committed = True
                except EntryRefused as refused:
                    if not self._is_overtaken(refused):
                        raise
                    self._number_anew()
        except EntryRefused as refused:
            self.settle(committed=False)
            for window, _ in reserved:
                window.learn(refused)
            raise
        finally:
            self.settle(committed=committed)

    def _is_overtaken(self, refused: EntryRefused) -> bool:
        """Whether nothing but a higher number is needed, since another node sent to the queue meanwhile."""
        windows = [one.window for one in self._numbered if refused.entry is None]
        for window in windows:
            window.learn(refused)
        return any(window.has(refused.log) for window in windows)

    def settle(self, *, committed: bool) -> None:
        """Let those go on who wait to hear whether a deduplication id is taken. What is settled stays so."""
        reserved, self._reserved = self._reserved, []
        for deduplication, key in reserved:
            deduplication.settle(key, committed)
        self._reserving.settle(committed)

    def _number_anew(self) -> None:
        """Where others got numbers since: they may be committed already, and a FIFO queue's numbers grow in the order
        of its messages. Nothing waits from here to the store's queue of commits."""
        now = self._clock.now_ms()
        for index, (at, message, window, key) in enumerate(self._numbered):
            offset = self._numbers.next(now, window.newest_offset)
            message = replace(message, sequence=sequence_number(offset))
            self._numbered[index] = Numbered(at, message, window, key)
            enqueue = self.changes[at]
            assert isinstance(enqueue, Enqueue)
            self.changes[at - 1] = window.number(key, offset)
            self.changes[at] = enqueue._replace(data=encode(message))


class Accepted(NamedTuple):
    """`sequence` is "" for a standard queue."""

    message_id: str
    sequence: str


class QueueAppender:
    """What is put here is part of the commit that it was opened for."""

    __slots__ = ("_data", "_encode", "_largest")

    def __init__(self, queue: Queue, data: list[bytes], messages: PlainMessages) -> None:
        self._data = data
        self._encode = messages.encode
        self._largest = queue.largest

    def put(self, body: bytes) -> str | None:
        """The message's id; None for a body that is too large."""
        if len(body) > self._largest:
            return None
        message_id = new_uuid()
        self._data.append(self._encode(message_id, body))
        return message_id
