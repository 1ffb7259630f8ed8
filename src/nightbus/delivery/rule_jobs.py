"""Says what the jobs of rules leave behind: outcome records, records of the bus's log, and dead letters.

A dead letter contains the event itself, with attributes that say why it was given up.
"""

from __future__ import annotations

import logging

from nightbus.aws.calls import Call
from nightbus.delivery.bus_log import log_of
from nightbus.delivery.buses import SERVICE, Buses, caller_for_rule
from nightbus.delivery.error_codes import error_code
from nightbus.delivery.history import find_event
from nightbus.delivery.jobs import Attempt, DeadLetter, Delivered, Failed, Lost
from nightbus.delivery.rule_origin import QUEUE, RuleJob, decode, encode, outcome_entry, retry_policy
from nightbus.delivery.rules import outcome_log
from nightbus.delivery.trace_log import invoked_later
from nightbus.messaging.queue import FIFO_SUFFIX
from nightbus.messaging.queue_writes import Incoming
from nightbus.store.interface import Append, Change, Store

log = logging.getLogger("nightbus.delivery")


class RuleJobs:
    """Implements `nightbus.delivery.jobs.JobQueue`."""

    name = QUEUE

    def __init__(self, store: Store, buses: Buses) -> None:
        self._store = store
        self._buses = buses

    def decode(self, data: bytes) -> RuleJob:
        return decode(data)

    def encode(self, job: RuleJob) -> bytes:
        return encode(job)

    async def current(self, job: RuleJob) -> RuleJob:
        """A job is delivered to its target as that was when the event was matched."""
        return job

    def call(self, job: RuleJob, endpoint: str) -> Call:
        """From EventBridge, on behalf of the rule, where the target lives."""
        home = job.origin.scope
        caller = caller_for_rule(home.account, job.origin.arn, job.target.get("RoleArn"))
        return Call(job.target_scope(home), caller, endpoint, trace=job.trace)

    async def records(self, job: RuleJob, attempt: Attempt) -> list[Change]:
        origin, outcome, now = job.origin, attempt.outcome, attempt.ended
        changes: list[Change] = []
        if isinstance(outcome, Delivered) and ":function:" in job.address:
            changes.append(invoked_later(job, outcome, now))
        entry = outcome_entry(job, attempt)
        changes.append(Append(origin.scope, outcome_log(origin.bus), now, entry, origin.event_id))
        if origin.invocation_id:
            bus = await self._buses.find(origin.scope, origin.bus)
            bus_log = log_of(bus, origin.request_id)
            if bus_log is not None:
                bus_log.attempted(job, attempt)
                changes += await bus_log.changes(self._store, now)
        return changes

    async def dead_letter(self, job: RuleJob, failure: Failed) -> DeadLetter | None:
        queue = str((job.target.get("DeadLetterConfig") or {}).get("Arn") or "")
        if not queue:
            return None
        origin = job.origin
        event = await find_event(self._store, origin.scope, origin.bus, origin.event_id, job.accepted)
        fifo_id = origin.event_id if queue.endswith(FIFO_SUFFIX) else ""
        message = Incoming(
            (job.input if event is None else event.text).decode(),
            dead_letter_attributes(job, failure),
            group=fifo_id,
            deduplication=fifo_id,
            trace=job.trace,
        )
        return DeadLetter(queue, SERVICE, origin.arn, origin.scope.account, message, "EventBridge")

    def log_failure(self, job: RuleJob, failure: Failed, attempt: Attempt) -> None:
        origin, letter = job.origin, attempt.letter
        log.warning(
            "event %s was not delivered to target %s (%s) of rule %s: %s %s; %s",
            origin.event_id,
            job.target["Id"],
            job.address,
            origin.rule,
            failure.code,
            failure.message,
            "given up" if attempt.again_ms is None else f"attempt {job.attempt + 1} follows",
        )
        if isinstance(letter, Lost):
            log.error("event %s is lost: %s: %s", origin.event_id, letter.queue, letter.why)


def dead_letter_attributes(job: RuleJob, failure: Failed) -> dict[str, dict[str, str]]:
    """What a dead letter says about itself, in AWS's names.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    texts = {
        "RULE_ARN": job.origin.arn,
        "TARGET_ARN": job.address,
        "ERROR_CODE": error_code(failure.code),
        "ERROR_MESSAGE": failure.message or failure.code,
    }
    if not failure.permanent:
        most = retry_policy(job.target).maximum_retry_attempts
        exhausted = "MaximumRetryAttempts" if job.attempt > most else "MaximumEventAgeInSeconds"
        texts["EXHAUSTED_RETRY_CONDITION"] = exhausted
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in texts.items()}
    attributes["RETRY_ATTEMPTS"] = {"DataType": "Number", "StringValue": str(job.attempt - 1)}
    return attributes
