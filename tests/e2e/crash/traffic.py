"""Who publishes and who reads while the node is killed, and what were they told?

Each is a thread over its own connection that writes down what it asked for before it asks, and what was acknowledged
after. A connection that breaks ends it; the next round begins another.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from crash import platform
from crash.wire import NoAnswer, Wire

from nodes import RunningNode

_MOST_ENTRIES = 10


@dataclass
class Request:
    """One PutEvents: the node takes all of its numbers in one commit, or none."""

    numbers: range
    acknowledged: bool = False


@dataclass
class Ledger:
    """What was asked and told in all rounds."""

    requests: list[Request] = field(default_factory=list)
    consumed: set[int] = field(default_factory=set)  # numbers that came out of the fanned queue
    deleted: set[str] = field(default_factory=set)  # ids of messages whose deletion was acknowledged
    next_number: int = 1
    lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, count: int) -> Request:
        with self.lock:
            request = Request(range(self.next_number, self.next_number + count))
            self.next_number += count
            self.requests.append(request)
            return request


class Traffic:
    """Publishers and a consumer on one running node, until it dies or `budget` requests are acknowledged."""

    def __init__(
        self,
        node: RunningNode,
        ledger: Ledger,
        seed: int,
        budget: int,
        publishers: int = 2,
        entry: Callable[[int], dict[str, str]] = platform.entry,
        consuming: bool = True,
    ) -> None:
        self._entry = entry
        self._node = node
        self._ledger = ledger
        self._left = budget
        self._acknowledged = 0
        self._changed = threading.Condition()
        self._failures: list[BaseException] = []
        works: list[Callable[[], None]] = [
            *(partial(self._publish, random.Random(f"{seed}/{at}")) for at in range(publishers)),
            *([self._consume] if consuming else []),
        ]
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._guarded, args=(work,), daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def wait_for(self, acknowledged: int) -> None:
        """Until that many requests of this round were acknowledged."""
        with self._changed:
            done = self._changed.wait_for(
                lambda: self._acknowledged >= acknowledged or bool(self._failures), timeout=30
            )
        assert done and not self._failures, (self._acknowledged, self._failures)

    def end(self) -> None:
        """The node is gone, or this round is over."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
        if self._failures:
            raise self._failures[0]

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except NoAnswer:
            return
        except BaseException as failure:
            with self._changed:
                self._failures.append(failure)
                self._changed.notify_all()

    def _publish(self, chance: random.Random) -> None:
        wire = Wire(self._node.port, "events")
        try:
            while self._take():
                request = self._ledger.begin(chance.randint(1, _MOST_ENTRIES))
                reply = wire.call("PutEvents", {"Entries": [self._entry(n) for n in request.numbers]})
                assert reply["FailedEntryCount"] == 0, reply
                request.acknowledged = True
                with self._changed:
                    self._acknowledged += 1
                    self._changed.notify_all()
        finally:
            wire.close()

    def _take(self) -> bool:
        with self._changed:
            self._left -= 1
            return self._left >= 0 and not self._over.is_set()

    def _consume(self) -> None:
        wire, url = Wire(self._node.port, "sqs"), platform.queue_url(self._node, platform.FANNED)
        try:
            while not self._over.is_set():
                found = platform.receive(wire, url, wait=1)
                self._ledger.consumed.update(number for _, _, number in found)
                if found:
                    platform.delete(wire, url, found)
                    self._ledger.deleted.update(message_id for message_id, _, _ in found)
        finally:
            wire.close()
