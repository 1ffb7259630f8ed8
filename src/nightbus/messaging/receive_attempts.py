"""Remembers which messages this node gave under which ReceiveRequestAttemptId."""

from __future__ import annotations

from typing import NamedTuple

from nightbus.messaging.deduplication import WINDOW_MS
from nightbus.messaging.message import Message
from nightbus.messaging.queue import Queue
from nightbus.store.interface import Item


class Received(NamedTuple):
    """`receives` and `first` (UTC ms) are the message's ApproximateReceiveCount and first receive."""

    item: Item
    message: Message
    receives: int
    first: int


class ReceiveAttempts:
    """What was received under which ReceiveRequestAttemptId in the last five minutes."""

    def __init__(self) -> None:
        self._noted: dict[tuple[str, str], tuple[int, list[Received]]] = {}

    def again(self, queue: Queue, attempt_id: str, now: int) -> list[Received]:
        self.forget(now)
        return self._noted.get((queue.queue, attempt_id), (0, []))[1]

    def forget(self, now: int) -> None:
        for key in [key for key, (time, _) in self._noted.items() if time + WINDOW_MS <= now]:
            del self._noted[key]

    def emptied(self, queue: Queue) -> None:
        for key in [key for key in self._noted if key[0] == queue.queue]:
            del self._noted[key]

    def __len__(self) -> int:
        return len(self._noted)

    def note(self, queue: Queue, attempt_id: str, received: list[Received], now: int) -> None:
        self._noted[queue.queue, attempt_id] = (now, received)
