"""What is remembered of a queue is what was written last, its policy above all."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

from nightbus.aws.calls import Scope
from nightbus.clock import VirtualClock
from nightbus.messaging.queue import SEND, queue_arn
from nightbus.messaging.queues import Queues
from nightbus.store.interface import Record, Store

HERE = Scope("111111111111", "us-east-1")
ARN = queue_arn(HERE, "q")
ALLOW = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "*", "Resource": "*"}


class SlowStore:
    """Hands out a record that somebody changes before it arrives."""

    def __init__(self) -> None:
        self.policy = json.dumps({"Statement": [ALLOW]})
        self.reading = asyncio.Event()
        self.go_on = asyncio.Event()

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
    queues.changed(HERE, "q")
    store.go_on.set()
    await first
    assert queues.known(ARN) is None
    found = await queues.find_arn(ARN)
    assert found is not None
    assert not found.access.admits("sns.amazonaws.com", "arn:topic", SEND)
    assert queues.known(ARN) is found is await queues.find(HERE, "q")
