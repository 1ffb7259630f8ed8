"""Holds what one commit sends to queues: the messages, their deduplication ids and their FIFO sequence numbers.

How a message is checked and numbered is `nightbus.messaging.queues`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from nightbus.aws.ids import new_uuid
from nightbus.messaging.deduplication import Deduplication
from nightbus.messaging.message import Message, PlainMessages
from nightbus.messaging.queue import Queue
from nightbus.store.interface import Change


class Incoming(NamedTuple):
    """A message to be sent, checked already. `attributes` as `Message` has them; `delay_ms` None is the queue's own."""

    body: str
    attributes: dict[str, dict[str, str]]
    group: str = ""
    deduplication: str = ""
    delay_ms: int | None = None
    trace: str = ""


class Numbered(NamedTuple):
    """A FIFO queue's message: its place among the changes, right after its deduplication id, and that id."""

    at: int
    message: Message
    window: Deduplication
    key: str


@dataclass(slots=True)
class Sending:
    """What belongs into one commit. After it, or its failure, `settle`."""

    changes: list[Change] = field(default_factory=list)
    reserved: list[tuple[Deduplication, str]] = field(default_factory=list)
    numbered: list[Numbered] = field(default_factory=list)
    first: int = 0  # how many sequence numbers were given when this got its first
    taken: int = 0  # how many of them it got

    def sequence(self, accepted: Accepted) -> str:
        """The number under which the message was committed."""
        numbers = {one.message.id: one.message.sequence for one in self.numbered}
        return numbers.get(accepted.message_id, accepted.sequence)

    def settle(self, committed: bool) -> None:
        for deduplication, key in self.reserved:
            deduplication.settle(key, committed)


class Accepted(NamedTuple):
    """`sequence` is "" for a standard queue."""

    message_id: str
    sequence: str


class PlainSending:
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
