"""Carries queued deliveries to their targets, with retries and dead letters.

Work comes from the queue `deliveries`; what was delivered or given up is acknowledged in the same commit that writes
down its outcome, and what failed for now goes back with its next time. A restart finds the rest in the queue.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass
from functools import partial
from typing import Any

from nightbus.aws.calls import Call, Operations, Scope
from nightbus.bus.retry import RetryPolicy, next_attempt
from nightbus.clock import Clock
from nightbus.delivery.bus_log import log_of
from nightbus.delivery.buses import SERVICE, caller_for_rule
from nightbus.delivery.fair_worker import FairWorker, Work
from nightbus.delivery.forwarding.interface import Forwarder
from nightbus.delivery.history import find_event
from nightbus.delivery.interface import (
    Delivered,
    Delivery,
    EventRouter,
    Failed,
    Invoker,
    Outcome,
    Postponed,
    TargetContext,
)
from nightbus.delivery.queued_deliveries import (
    QUEUE,
    Buried,
    Lost,
    dead_letter_attributes,
    decode,
    encode,
    next_try,
    outcome_entry,
)
from nightbus.delivery.rules import outcome_log
from nightbus.delivery.shares import Shares
from nightbus.delivery.targets import Target, is_elsewhere, target_of
from nightbus.delivery.trace_log import invoked_later
from nightbus.messaging.queue import SEND
from nightbus.messaging.queue_writes import Incoming, QueueWrites
from nightbus.messaging.queues import Queues
from nightbus.store.interface import Append, Change, Item, Store

log = logging.getLogger("nightbus.delivery")

_AT_ONCE = 256  # to targets elsewhere: connections, and threads of the forwarding process
_AT_ONCE_TO_ONE = 16
_LEASE_MS = 120_000
_PATIENCE_SECONDS = 2.0
_TOO_LATE = Failed("Throttling", "It was not its turn before it was too old.", False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do after an attempt: `again_ms` is when to try again, None when this was the last one."""

    outcome: Outcome
    again_ms: int | None


def decide(delivery: Delivery, outcome: Outcome, now_ms: int, jitter: float) -> Decision:
    if isinstance(outcome, Delivered) or outcome.permanent:
        return Decision(outcome, None)
    policy = _policy(delivery)
    again = next_attempt(policy, delivery.attempt, delivery.event_time, now_ms, jitter, outcome.not_before)
    return Decision(outcome, again)


def _policy(delivery: Delivery) -> RetryPolicy:
    given = delivery.target.get("RetryPolicy") or {}
    default = RetryPolicy()
    return RetryPolicy(
        given.get("MaximumRetryAttempts", default.maximum_retry_attempts),
        given.get("MaximumEventAgeInSeconds", default.maximum_event_age),
    )


class Dispatcher:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        operations: Operations,
        endpoint: str,
        queues: Queues,
        forwarder: Forwarder,
        invoker: Invoker,
        router: EventRouter,
    ) -> None:
        self._store = store
        self._clock = clock
        self._operations = operations
        self._endpoint = endpoint
        self._queues = queues
        self._forwarder = forwarder
        self._invoker = invoker
        self._router = router
        shares = Shares(_AT_ONCE, _AT_ONCE_TO_ONE)
        self._worker = FairWorker(store, clock, QUEUE, _LEASE_MS, shares, self._work_of)

    async def run(self) -> None:
        """Until `close`: deliver what is due, each target elsewhere within its share."""
        await self._worker.run()

    async def close(self) -> None:
        """Take nothing new and let what runs end; what does not is offered again at the next start."""
        await self._worker.close(_PATIENCE_SECONDS)

    def _work_of(self, item: Item) -> Work:
        """Raises ValueError and the like for what cannot be read."""
        delivery = decode(item.data)
        target = target_of(delivery.target["Arn"])
        ends = delivery.event_time + _policy(delivery).maximum_event_age * 1_000
        key = delivery.target["Arn"] if is_elsewhere(target) else ""
        return Work(key, partial(self._deliver, item, delivery, target, ends), ends)

    async def _deliver(
        self, item: Item, delivery: Delivery, target: Target | None, ends: int, late: bool
    ) -> None:
        began = self._clock.now_ms()
        outcome: Outcome | Postponed = _TOO_LATE if late else await self._attempt(target, delivery)
        if isinstance(outcome, Postponed):
            if self._clock.now_ms() < ends:
                until = min(outcome.until, ends)
                await self._store.change_lease(*item.queue, item.id, until, item.token)
                return
            outcome = _TOO_LATE
        await self._write_down(item, delivery, outcome, began)

    async def _write_down(self, item: Item, delivery: Delivery, outcome: Outcome, began: int) -> None:
        """What an attempt came to, and what follows from it, in one commit."""
        now = self._clock.now_ms()
        decision = decide(delivery, outcome, now, random.random())  # noqa: S311 - jitter, no secret
        writes = self._queues.writes()
        letter: Buried | Lost | None = None
        if decision.again_ms is not None:
            writes.changes.append(item.give_back(decision.again_ms, encode(next_try(delivery))))
        else:
            writes.changes.append(item.acknowledge())
        if isinstance(outcome, Failed):
            _tell(delivery, outcome, decision.again_ms)
            if decision.again_ms is None:
                letter = await self._bury(writes, delivery, outcome, now)
        elif ":function:" in delivery.target["Arn"]:
            writes.changes.append(invoked_later(delivery, outcome, now))
        written = outcome_entry(delivery, outcome, now, decision.again_ms, began, letter)
        log_of_bus = outcome_log(delivery.bus)
        writes.changes.append(Append(delivery.scope, log_of_bus, now, written, delivery.event_id))
        if delivery.invocation_id:
            buried = isinstance(letter, Buried)
            writes.changes += await self._records(delivery, decision, began, now, buried)
        await writes.commit()

    async def _records(
        self, delivery: Delivery, decision: Decision, began: int, now: int, buried: bool
    ) -> list[Change]:
        """What the log of the bus says of an attempt, if it still has one."""
        told = log_of(await self._router.buses.find(delivery.scope, delivery.bus), delivery.request_id)
        if told is None:
            return []
        last = decision.again_ms is None
        told.attempted(delivery, decision.outcome, began, now, last=last, buried=buried)
        return await told.changes(self._store, now)

    async def _bury(
        self, writes: QueueWrites, delivery: Delivery, failure: Failed, now: int
    ) -> Buried | Lost | None:
        """The event itself into the target's dead-letter queue, with what ends the delivery."""
        arn = (delivery.target.get("DeadLetterConfig") or {}).get("Arn")
        if not arn:
            return None
        queue = await self._queues.find_arn(arn)
        if queue is None or not queue.access.admits(SERVICE, delivery.rule_arn, SEND):
            why = "does not exist" if queue is None else "does not permit EventBridge to send to it"
            log.error("event %s is lost: the dead-letter queue %s %s", delivery.event_id, arn, why)
            return Lost(str(arn), f"The queue {why}.")
        found = await find_event(
            self._store, delivery.scope, delivery.bus, delivery.event_id, delivery.event_time
        )
        letter = Incoming(
            (delivery.input if found is None else found.text).decode(),
            dead_letter_attributes(delivery, failure),
            group=delivery.event_id if queue.fifo else "",
            deduplication=delivery.event_id if queue.fifo else "",
            trace=delivery.trace,
        )
        accepted = await self._queues.add(writes, queue, letter, delivery.scope.account, now)
        return Buried(str(arn), accepted.message_id)

    async def _attempt(self, target: Target | None, delivery: Delivery) -> Outcome | Postponed:
        if target is None:
            return Failed("UnsupportedTarget", f"{delivery.target['Arn']} is no target of Nightbus.", True)
        call = self._circumstances(delivery)
        context = TargetContext(
            self._operations, self._store, self._clock, call, self._forwarder, self._invoker, self._router
        )
        try:
            return await target(delivery, context)
        except Exception as failure:
            log.exception("delivering event %s to %s failed", delivery.event_id, delivery.target["Arn"])
            return Failed("InternalFailure", str(failure) or type(failure).__name__, False)

    def _circumstances(self, delivery: Delivery) -> Call:
        """The call that the target gets: from EventBridge, on behalf of the rule, where the target lives."""
        _, _, _, region, account, *_ = str(delivery.target["Arn"]).split(":")
        caller = caller_for_rule(delivery.scope.account, delivery.rule_arn, delivery.target.get("RoleArn"))
        scope = Scope(account or delivery.scope.account, region or delivery.scope.region)
        return Call(scope, caller, self._endpoint, trace=delivery.trace)


def _tell(delivery: Delivery, failure: Failed, again_ms: int | None) -> None:
    target: dict[str, Any] = delivery.target
    log.warning(
        "event %s was not delivered to target %s (%s) of rule %s: %s %s; %s",
        delivery.event_id,
        target["Id"],
        target["Arn"],
        delivery.rule,
        failure.code,
        failure.message,
        "given up" if again_ms is None else f"attempt {delivery.attempt + 1} follows",
    )
