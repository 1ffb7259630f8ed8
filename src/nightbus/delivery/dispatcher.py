"""Carries queued jobs to their targets, with retries and dead letters: those of rules, and of every other origin.

Theory of operation. A job waits in a queue of the store. Its worker leases it, makes one attempt, and settles it in one
commit: what an attempt came to is written down, and the job is acknowledged, or given back with the time of its next
attempt, together with that record; a dead letter is a part of the same commit. So

- a job is never lost: until that commit is durable it is in its queue, and a restart, or the node that takes over,
  finds it there;
- an attempt may be repeated after a crash, when the target took it and the commit did not happen: delivery is at least
  once, as on AWS;
- what is recorded is what happened: there is no record of an attempt whose job is still as it was before.

Targets outside the node share one pool of slots (`nightbus.delivery.shares`), whatever the origin of their jobs is.
"""

from __future__ import annotations

import logging
import random
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from nightbus.aws.calls import Operations
from nightbus.bus.retry import RetryPolicy
from nightbus.clock import Clock
from nightbus.counters import Counters
from nightbus.delivery.fair_worker import FairWorker, ItemName, Work
from nightbus.delivery.forwarding.interface import Forwarder
from nightbus.delivery.interface import EventRouter
from nightbus.delivery.jobs import (
    Attempt,
    Buried,
    DeadLetter,
    Delivered,
    Failed,
    Invoker,
    Job,
    JobQueue,
    Lost,
    Outcome,
    Postponed,
    TargetContext,
)
from nightbus.delivery.rates import Rates
from nightbus.delivery.rule_jobs import RuleJobs
from nightbus.delivery.rule_origin import QUEUE
from nightbus.delivery.shares import Shares
from nightbus.delivery.targets import is_elsewhere, kind_of, target_of
from nightbus.faults import Faults
from nightbus.identity.authorization import Authorizer
from nightbus.messaging.mail_server import Mailer
from nightbus.messaging.queue import SEND
from nightbus.messaging.queue_writes import QueueWrites
from nightbus.messaging.queues import Queues
from nightbus.outbound.http_client import HttpClient
from nightbus.span_notes import AttemptNote, SpanNotes
from nightbus.store.conflicts import retries_on_conflict
from nightbus.store.interface import Item, StaleLease, Store
from nightbus.store.upkeep import is_passing

log = logging.getLogger("nightbus.delivery")

_AT_ONCE = 256  # to targets elsewhere: connections, and threads of the forwarding process
_AT_ONCE_TO_ONE = 16
_LEASE_MS = 120_000
_PATIENCE_SECONDS = 2.0
_UNREADY = RetryPolicy()  # a day
_ORIGINS = {  # by their queue
    QUEUE: "rule",
    "sns/deliveries": "subscription",
    "lambda/destinations": "destination",
    "logs/subscriptions": "log-subscription",
    "s3/notifications": "bucket",
}
_TOO_LATE = Failed("Throttling", "It was not its turn before it was too old.", False)


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do after an attempt: `again_ms` is when to try again, None when this was the last one."""

    outcome: Outcome
    again_ms: int | None


def decide(job: Job[Any], outcome: Outcome, now_ms: int, jitter: float) -> Decision:
    if isinstance(outcome, Delivered) or outcome.permanent:
        return Decision(outcome, None)
    again = job.policy.next_attempt(job.attempt, job.accepted, now_ms, jitter, outcome.not_before)
    return Decision(outcome, again)


class Dispatcher:
    """Delivers the jobs of rules, and those of each queue that is added. `rates` are those of the endpoints."""

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
        *,
        http: HttpClient | None = None,
        mailer: Mailer | None = None,
        authorizer: Authorizer | None = None,
        counters: Counters | None = None,
        faults: Faults | None = None,
        spans: SpanNotes | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._operations = operations
        self._endpoint = endpoint
        self._queues = queues
        self._forwarder = forwarder
        self._invoker = invoker
        self._router = router
        self._http = http or HttpClient()
        self._mailer = mailer
        self._authorizer = authorizer
        self._counters = counters or Counters()
        self._faults = faults
        self._spans = spans
        self.rates = Rates()
        self._worker = FairWorker(store, clock, _LEASE_MS, Shares[ItemName](_AT_ONCE, _AT_ONCE_TO_ONE))
        self.add(RuleJobs(store, router.buses))

    def add(self, jobs: JobQueue[Any]) -> None:
        """Deliver the jobs of this queue too. Before `run`."""
        self._worker.add(jobs.name, partial(self._work_of, jobs))

    def in_memory(self) -> dict[str, int]:
        return {"rates of endpoints": len(self.rates)}

    async def run(self) -> None:
        """Until `close`: deliver what is due, each target elsewhere within its share."""
        await self._worker.run()

    async def close(self, patience: float = _PATIENCE_SECONDS) -> None:
        """Take nothing new and let what runs end; what does not within `patience` seconds is offered again."""
        await self._worker.close(patience)

    def _work_of(self, jobs: JobQueue[Any], item: Item) -> Work:
        """Raises ValueError and the like for what cannot be read."""
        job = jobs.decode(item.data)
        if not job.share and is_elsewhere(job.target):
            job = replace(job, share=job.address)
        return Work(job.share, partial(self._deliver, jobs, item, job), job.policy.ends(job.accepted))

    async def _deliver(self, jobs: JobQueue[Any], item: Item, queued: Job[Any], late: bool) -> None:
        began = self._clock.now_ms()
        try:
            job = await jobs.current(queued)
        except Exception as fault:
            if is_passing(fault):
                raise
            await self._put_off(jobs, item, queued, fault)
            return
        if job is None:
            await self._store.commit(item.acknowledge())
            return
        outcome: Outcome | Postponed = _TOO_LATE if late else await self._attempt(jobs, job)
        if isinstance(outcome, Postponed):
            ends = job.policy.ends(job.accepted)
            if ends is None or self._clock.now_ms() < ends:
                until = outcome.until if ends is None else min(outcome.until, ends)
                await self._store.change_lease(*item.queue, item.id, until, item.token)
                return
            outcome = _TOO_LATE
        await self._settle(jobs, item, job, outcome, began)

    async def _attempt(self, jobs: JobQueue[Any], job: Job[Any]) -> Outcome | Postponed:
        target = target_of(job.target)
        if target is None:
            return Failed("UnsupportedTarget", f"{job.address} is no target of Nightbus.", True)
        fault = None if self._faults is None else self._faults.of_delivery(job.address)
        if fault is not None:
            return Failed(fault.code, fault.message, fault.permanent)
        try:
            context = TargetContext(
                self._operations,
                self._store,
                self._clock,
                jobs.call(job, self._endpoint),
                self._forwarder,
                self._invoker,
                self._router,
                self._http,
                self._mailer,
                self.rates,
                self._authorizer,
            )
            return await target(job, context)
        except Exception as failure:
            log.exception("the delivery of %s to %s failed", job.origin.id, job.address)
            return Failed("InternalFailure", str(failure) or type(failure).__name__, False)

    async def _put_off(self, jobs: JobQueue[Any], item: Item, job: Job[Any], fault: Exception) -> None:
        """A job that its queue fails to make ready counts an attempt. It is dropped after as many as `_UNREADY` allows:
        what it was to be and to whom its dead letter belongs is not known."""
        now = self._clock.now_ms()
        again = _UNREADY.next_attempt(job.attempt, job.accepted, now, random.random())  # noqa: S311 - jitter
        if again is None:
            await self._store.commit(item.acknowledge())
        else:
            await self._store.commit(item.give_back(again, jobs.encode(job.next_try())))
        what = "it is lost" if again is None else f"attempt {job.attempt + 1} follows"
        log.error(
            "a job of %s (%s) for %s cannot be made ready; %s",
            jobs.name, job.origin.id, job.origin.arn, what, exc_info=fault,
        )  # fmt: skip

    async def _settle(
        self, jobs: JobQueue[Any], item: Item, job: Job[Any], outcome: Outcome, began: int
    ) -> None:
        """Write down what an attempt came to, and what follows from it, in one commit.

        Where that has a fault, the job is settled without its records: it would be delivered again and again else.
        """
        try:
            attempt = await self._commit_attempt(jobs, item, job, outcome, began, recorded=True)
        except StaleLease:
            raise
        except Exception as fault:
            if is_passing(fault):
                raise
            log.exception("what became of %s at %s is not recorded", job.origin.id, job.address)
            attempt = await self._commit_attempt(jobs, item, job, outcome, began, recorded=False)
        self._count(jobs.name, job, attempt)
        if self._spans is not None:
            self._spans.add(_span_note(jobs.name, job, attempt))
        if isinstance(outcome, Failed):
            jobs.log_failure(job, outcome, attempt)

    def _count(self, queue: str, job: Job[Any], attempt: Attempt) -> None:
        counters = self._counters
        counts = counters.attempts[_ORIGINS.get(queue, queue), kind_of(job.target)]
        rule = counters.rules.get(job.origin.arn) if queue == QUEUE else None
        if isinstance(attempt.outcome, Delivered):
            counts.delivered += 1
            if rule is not None:
                rule.delivered += 1
        elif attempt.again_ms is not None:
            counts.retried += 1
        else:
            counts.given_up += 1
            if rule is not None:
                rule.given_up += 1
            counters.buried += isinstance(attempt.letter, Buried)
            counters.lost += isinstance(attempt.letter, Lost)
        if job.attempt == 1:
            counters.waited.observe(max(0, attempt.began - job.accepted) / 1000)
        counters.attempt_seconds.observe((attempt.ended - attempt.began) / 1000)

    @retries_on_conflict
    async def _commit_attempt(
        self,
        jobs: JobQueue[Any],
        item: Item,
        job: Job[Any],
        outcome: Outcome,
        began: int,
        *,
        recorded: bool,
    ) -> Attempt:
        """A Conflict, as with a dead-letter queue that is deleted meanwhile, is no reason for another delivery."""
        now = self._clock.now_ms()
        decision = decide(job, outcome, now, random.random())  # noqa: S311 - jitter, no secret
        writes = self._queues.writes()
        try:
            letter: Buried | Lost | None = None
            if decision.again_ms is not None:
                writes.changes.append(item.give_back(decision.again_ms, jobs.encode(job.next_try())))
            else:
                writes.changes.append(item.acknowledge())
                dead_letter = None
                if isinstance(outcome, Failed):
                    dead_letter = await jobs.dead_letter(job, outcome)
                if dead_letter is not None:
                    letter = await self._bury(writes, dead_letter, now)
            attempt = Attempt(outcome, decision.again_ms, began, now, letter)
            if recorded:
                writes.changes += await jobs.records(job, attempt)
        except BaseException:
            writes.settle(committed=False)
            raise
        await writes.commit()
        return attempt

    async def _bury(self, writes: QueueWrites, letter: DeadLetter, now: int) -> Buried | Lost:
        """The dead letter, in the commit that ends its job."""
        queue = await self._queues.find_arn(letter.queue)
        if queue is None:
            return Lost(letter.queue, "The queue does not exist.")
        if not queue.access.admits(letter.service, letter.source, SEND):
            return Lost(letter.queue, f"The queue does not permit {letter.name} to send to it.")
        accepted = await self._queues.add(writes, queue, letter.message, letter.sender, now)
        return Buried(letter.queue, accepted.message_id)


def _span_note(queue: str, job: Job[Any], attempt: Attempt) -> AttemptNote:
    outcome, letter = attempt.outcome, attempt.letter
    failure = outcome if isinstance(outcome, Failed) else None
    ended = "given_up" if attempt.again_ms is None else "retried"
    return AttemptNote(
        job.trace,
        _ORIGINS.get(queue, queue),
        job.origin.arn,
        job.origin.id,
        str(job.target.get("Id", "")),
        job.address,
        job.attempt,
        attempt.began,
        attempt.ended,
        ended if failure is not None else "delivered",
        outcome.request_id if isinstance(outcome, Delivered) else "",
        failure.code if failure is not None else "",
        failure.message if failure is not None else "",
        letter.queue if isinstance(letter, Buried) else "",
    )
