"""Defines the origin of a rule's jobs, and their form in the queue and in the outcome log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.ids import event_id_time
from nightbus.bus.retry import RetryPolicy
from nightbus.bus.transform import CHOICES
from nightbus.delivery.interface import Matched
from nightbus.delivery.jobs import Attempt, Buried, Delivered, Job

QUEUE = "deliveries"


@dataclass(frozen=True, slots=True)
class RuleOrigin:
    """The rule that matched an event. The job was accepted when the bus accepted the event."""

    scope: Scope
    bus: str
    rule: str
    arn: str
    event_id: str
    request_id: str = ""  # of the call that put the event, and
    invocation_id: str = ""  # of this job: only where its bus has a log
    stays: bool = False  # the event came from another bus, and the target is a third one

    @property
    def id(self) -> str:
        return self.event_id


RuleJob = Job[RuleOrigin]


def rule_job(
    matched: Matched, request_id: str = "", invocation_id: str = "", *, stays: bool = False
) -> RuleJob:
    """Of the first attempt."""
    origin = RuleOrigin(
        matched.scope,
        matched.bus,
        matched.rule,
        matched.rule_arn,
        matched.event_id,
        request_id if invocation_id else "",
        invocation_id,
        stays,
    )
    return Job(
        matched.target,
        matched.input,
        retry_policy(matched.target),
        origin,
        matched.time,
        trace=matched.trace,
    )


def retry_policy(target: Mapping[str, Any]) -> RetryPolicy:
    """The RetryPolicy of a rule's target, as PutTargets took it, over AWS's defaults."""
    own = target.get("RetryPolicy") or {}
    default = RetryPolicy()
    return RetryPolicy(
        own.get("MaximumRetryAttempts", default.maximum_retry_attempts),
        own.get("MaximumEventAgeInSeconds", default.maximum_event_age),
    )


def encode(job: RuleJob) -> bytes:
    origin = job.origin
    value = {
        "scope": list(origin.scope),
        "bus": origin.bus,
        "rule": origin.rule,
        "rule_arn": origin.arn,
        "event_id": origin.event_id,
        "event_time": job.accepted,
        "target": job.target,
        "input": job.input.decode(),
        "attempt": job.attempt,
        "trace": job.trace,
    }
    if origin.invocation_id:
        value |= {"request_id": origin.request_id, "invocation_id": origin.invocation_id}
    if origin.stays:
        value["stays"] = True
    return orjson.dumps(value)


def decode(data: bytes) -> RuleJob:
    """Raises ValueError and the like."""
    value = orjson.loads(data)
    origin = RuleOrigin(
        Scope(*value["scope"]),
        value["bus"],
        value["rule"],
        value["rule_arn"],
        value["event_id"],
        value.get("request_id", ""),
        value.get("invocation_id", ""),
        value.get("stays", False),
    )
    target = value["target"]
    return Job(
        target,
        value["input"].encode(),
        retry_policy(target),
        origin,
        value["event_time"],
        value["attempt"],
        trace=value["trace"],
    )


def outcome_entry(job: RuleJob, attempt: Attempt, *, inline: bool = False) -> bytes:
    """One attempt as the outcome log has it; `inline`: it was a part of the event's own commit, and took no time."""
    origin, outcome = job.origin, attempt.outcome
    entry: dict[str, Any] = {
        "rule": origin.rule,
        "target": job.target["Id"],
        "arn": job.target["Arn"],
        "attempt": job.attempt,
        "time": attempt.ended,
    }
    if event_id_time(origin.event_id) not in (None, job.accepted):
        entry["accepted"] = job.accepted  # once more: in a replay
    if job.attempt == 1 and any(job.target.get(choice) is not None for choice in CHOICES):
        entry["input"] = job.input.decode()  # else it is the event itself
    if isinstance(outcome, Delivered):
        entry |= {"outcome": "delivered", "request_id": outcome.request_id}
    else:
        entry |= {
            "outcome": "failed" if attempt.again_ms is None else "will be tried again",
            "code": outcome.code,
            "message": outcome.message,
        }
        if attempt.again_ms is not None:
            entry["next"] = attempt.again_ms
        letter = attempt.letter
        if isinstance(letter, Buried):
            entry |= {"dead_letter": letter.queue, "dead_letter_id": letter.message_id}
        elif letter is not None:
            entry["not_sent"] = [{"to": letter.queue, "why": letter.why}]
    if not inline:
        entry["duration"] = attempt.ended - attempt.began
    return orjson.dumps(entry)
