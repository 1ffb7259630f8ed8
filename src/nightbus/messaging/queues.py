"""Plans what a message to a queue changes in the store, and hands out the messages of queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from nightbus.aws.calls import Caller, Scope
from nightbus.aws.ids import new_uuid
from nightbus.clock import Clock
from nightbus.counters import HopCounts
from nightbus.keys.directory import Keys
from nightbus.keys.uses import WRITING, KeyUser, is_usable
from nightbus.messaging.deduplication import Deduplication, SequenceNumbers, Windows, content_key
from nightbus.messaging.in_flight import InFlight
from nightbus.messaging.message import Message, PlainMessages, decode, encode
from nightbus.messaging.queue import KIND, Queue, queue_address
from nightbus.messaging.queue_writes import Accepted, Incoming, QueueAppender, QueueWrites
from nightbus.messaging.receive_attempts import ReceiveAttempts, Received
from nightbus.store.interface import Acknowledge, Change, Counts, Enqueue, EnqueueMany, Item, Lease, Store
from nightbus.store.record_cache import RecordCache

_MOST_KNOWN = 10_000


class Queues:
    """The queues of all accounts and regions of the node. Without `keys` no queue's key can be used."""

    def __init__(
        self, store: Store, clock: Clock, keys: Keys | None = None, hops: HopCounts | None = None
    ) -> None:
        self._store = store
        self._keys = keys
        self._hops = HopCounts() if hops is None else hops
        self._clock = clock
        self._queues = RecordCache(
            store, _MOST_KNOWN, [KIND], lambda record: (record.scope, record.key), self._load
        )
        self._windows = Windows(store)
        self._attempts = ReceiveAttempts()
        self.in_flight = InFlight(store, clock)
        self._numbers = SequenceNumbers()

    async def find(self, scope: Scope, name: str) -> Queue | None:
        return await self._queues.find((scope, name))

    def known(self, arn: str) -> Queue | None:
        """The queue, where it was found before and did not change since."""
        address = queue_address(arn)
        return None if address is None else self._queues.peek(address)

    async def find_arn(self, arn: str) -> Queue | None:
        address = queue_address(arn)
        return None if address is None else await self._queues.find(address)

    async def _load(self, address: tuple[Scope, str]) -> Queue | None:
        record = await self._store.get(address[0], KIND, address[1])
        return None if record is None else Queue.of(address[0], record)

    async def may_use_key(
        self, scope: Scope, key: str, caller: Caller, via: str, context: Mapping[str, str]
    ) -> bool:
        """Whether the AWS service may send by the key that a queue or a topic names, which "" does not.

        `context` is the encryption context, which names the queue or the topic.
        """
        if not key:
            return True
        user = KeyUser(caller, via, WRITING, context)
        return self._keys is not None and await is_usable(self._keys, scope, key, user)

    def writes(self, *changes: Change) -> QueueWrites:
        """For one commit, which begins with `changes`."""
        return QueueWrites(self._store, self._clock, self._numbers, changes)

    def appender(self, writes: QueueWrites, queue: Queue, sender: str, now: int) -> QueueAppender:
        """For several bodies with nothing else, into a standard queue."""
        data: list[bytes] = []
        writes.changes.append(EnqueueMany(queue.scope, queue.queue, data, now + queue.delay_ms))
        return QueueAppender(queue, data, PlainMessages(now, sender))

    async def add(
        self, writes: QueueWrites, queue: Queue, incoming: Incoming, sender: str, now: int
    ) -> Accepted:
        """Send one message; a duplicate changes nothing and is answered as the first was."""
        message = Message(
            id=new_uuid(),
            body=incoming.body,
            sent=now,
            sender=sender,
            attributes=incoming.attributes,
            group=incoming.group,
            trace=incoming.trace,
            signature_version=incoming.signature_version,
            key=queue.key,
        )
        delay = queue.delay_ms if incoming.delay_ms is None else incoming.delay_ms
        if not queue.fifo:
            writes.changes.append(Enqueue(queue.scope, queue.queue, encode(message), now + delay))
            return Accepted(message.id, "")
        key = incoming.deduplication or content_key(incoming.body)
        message = replace(message, deduplication=key)
        if queue.by_group:
            key = f"{message.group}|{key}"
        window = await self._window(queue, now)
        reserved = await writes.reserve(window, key, message.id, now)
        if isinstance(reserved, Accepted):
            return reserved
        message = replace(message, sequence=reserved)
        enqueue = Enqueue(queue.scope, queue.queue, encode(message), now + delay, message.group)
        writes.add_numbered(message, window, key, enqueue)
        return Accepted(message.id, message.sequence)

    async def ready(self, arn: str, now: int) -> None:
        """Look up what sending to the queue needs, so that `add` does not wait for anything."""
        queue = await self.find_arn(arn)
        if queue is not None and queue.fifo:
            await self._window(queue, now)

    async def _window(self, queue: Queue, now: int) -> Deduplication:
        return await self._windows.of(queue.scope, queue.queue, now)

    async def receive(
        self, queue: Queue, limit: int, visibility_ms: int, wait: float, attempt_id: str | None = None
    ) -> list[Received]:
        """What is visible, waiting up to `wait` seconds for the first; what was received too often moves on instead.

        With the `attempt_id` of an earlier receive, the same messages again while they are as they were.
        """
        if attempt_id is None:
            return await self._receive(queue, limit, visibility_ms, wait)
        now = self._clock.now_ms()
        again = self._attempts.again(queue, attempt_id, now)
        if again and await self._are_leased(queue, again):
            for one in again:
                await self.change_visibility(queue, one.item.id, now + visibility_ms)
            return again
        received = await self._receive(queue, limit, visibility_ms, wait)
        self._attempts.note(queue, attempt_id, received, self._clock.now_ms())
        return received

    async def _receive(self, queue: Queue, limit: int, visibility_ms: int, wait: float) -> list[Received]:
        deadline = self._clock.monotonic() + wait
        while True:
            rest = max(0.0, deadline - self._clock.monotonic())
            items = await self._store.lease(
                queue.scope, queue.queue, limit, visibility_ms, rest, by_group=queue.fifo
            )
            now = self._clock.now_ms()
            kept, gone = _sorted_out(queue, items, now)
            left = len(gone) - await self._give_up(queue, gone, now) if gone else 0
            if kept or not items or left or not await self._is_there(queue):
                if kept:
                    self.in_flight.add(queue, len(kept))
                return kept

    async def _give_up(self, queue: Queue, gone: Sequence[Received], now: int) -> int:
        """To the dead-letter queue in one commit with leaving this one; what is too old is dropped. How many left.

        While the dead-letter queue is not there, messages stay where they are, as on AWS.
        """
        dead = await self.find_arn(queue.redrive.arn) if queue.redrive is not None else None
        changes: list[Change] = []
        given_up = moves = 0
        for item, message, receives, _ in gone:
            expired = message.sent + queue.retention_ms <= now
            if dead is None and not expired:
                continue
            changes.append(self.delete(queue, item.id))
            given_up += 1
            if dead is not None and not expired:
                moved = replace(message, received=receives - 1, source=queue.arn)
                changes.append(moved_to(dead, moved, now))
                moves += 1
        await self._store.commit(*changes)
        if dead is not None and moves:
            self._hops.add(queue.arn, dead.arn, moves)
        return given_up

    async def _are_leased(self, queue: Queue, received: Sequence[Received]) -> bool:
        """Whether all of them are still in flight, by the same receive."""
        for one in received:
            lease = await self.newest_lease(queue, one.item.id)
            if lease is None or lease.token != one.item.token or not lease.ends:
                return False
        return True

    async def _is_there(self, queue: Queue) -> bool:
        queue_now = await self.find(queue.scope, queue.name)
        return queue_now is not None and queue_now.queue == queue.queue

    def delete(self, queue: Queue, item: int, token: int | None = None) -> Acknowledge:
        """The change that deletes a message. `token`: by whose lease only, None for whoever has it."""
        return Acknowledge(queue.scope, queue.queue, item, token)

    async def newest_lease(self, queue: Queue, item: int) -> Lease | None:
        """By which somebody has the message or had it last; None for one that was not received, or is gone."""
        return await self._store.newest_lease(queue.scope, queue.queue, item)

    def ended(self, queue: Queue) -> None:
        """The queue was deleted."""
        self._windows.end(queue.queue)
        self.emptied(queue)

    def emptied(self, queue: Queue) -> None:
        """All its messages are gone."""
        self._attempts.emptied(queue)

    def in_memory(self) -> dict[str, int]:
        return {
            "queues": len(self._queues),
            "deduplication of queues": len(self._windows),
            "receive attempts": len(self._attempts),
            "queues with messages in flight": len(self.in_flight),
        }

    def forget(self, now: int) -> None:
        """What is too old to matter."""
        self._windows.forget(now)
        self._attempts.forget(now)

    async def change_visibility(self, queue: Queue, item: int, ends: int) -> bool:
        return await self._store.change_lease(queue.scope, queue.queue, item, ends)

    async def count(self, queue: Queue) -> Counts:
        return await self._store.count(queue.scope, queue.queue)


def _sorted_out(queue: Queue, items: Sequence[Item], now: int) -> tuple[list[Received], list[Received]]:
    """Those to hand out, and those whose time or count is over."""
    kept: list[Received] = []
    gone: list[Received] = []
    for item in items:
        message = decode(item.data)
        received = Received(item, message, message.received + item.attempt, item.first)
        expired = message.sent + queue.retention_ms <= now
        too_often = queue.redrive is not None and item.attempt > queue.redrive.limit
        (gone if expired or too_often else kept).append(received)
    return kept, gone


def moved_to(queue: Queue, message: Message, now: int) -> Enqueue:
    """A message in another queue. A standard queue goes on counting its age, a FIFO queue begins anew, as on AWS."""
    if queue.fifo:
        return Enqueue(queue.scope, queue.queue, encode(replace(message, sent=now)), now, message.group)
    return Enqueue(queue.scope, queue.queue, encode(message), message.sent)
