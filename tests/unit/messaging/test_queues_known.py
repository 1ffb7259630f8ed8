"""What is remembered of a queue is what was written last, its policy above all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Any, cast

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.messaging.queue import KIND, SEND, queue_arn
from nightbus.messaging.queues import Queues
from nightbus.store.interface import Listener, Record, RecordName, Store, Touched

HERE = Scope("111111111111", "us-east-1")
ARN = queue_arn(HERE, "q")
ALLOW = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "*", "Resource": "*"}


class SlowStore:
    """Hands out a record that somebody changes before it arrives."""

    def __init__(self) -> None:
        self.policy = json.dumps({"Statement": [ALLOW]})
        self.reading = asyncio.Event()
        self.go_on = asyncio.Event()
        self.listeners: list[Listener] = []

    def watch(self, listener: Listener, kinds: Collection[str]) -> None:
        self.listeners.append(listener)

    def tell(self, touched: Touched) -> None:
        for listener in self.listeners:
            listener(touched)

    async def get(self, scope: Scope, kind: str, key: str) -> Record:
        attributes = {"Policy": self.policy}
        self.reading.set()
        await self.go_on.wait()
        return Record(key, {"id": "1", "attributes": attributes}, 1)


async def test_a_queue_that_changes_while_it_is_read_is_read_again() -> None:
    store = SlowStore()
    queues = Queues(cast(Store, cast(Any, store)), VirtualClock())
    first = asyncio.create_task(queues.find_arn(ARN))
    await store.reading.wait()
    store.policy = ""
    store.tell(Touched([RecordName(HERE, KIND, "q")]))
    store.go_on.set()
    found = await first
    assert found is not None
    assert not found.access.admits("sns.amazonaws.com", "arn:topic", SEND)
    assert queues.known(ARN) is found
    store.tell(Touched([RecordName(HERE, KIND, "q")]))
    assert queues.known(ARN) is None
    found = await queues.find_arn(ARN)
    assert queues.known(ARN) is found is await queues.find(HERE, "q")
