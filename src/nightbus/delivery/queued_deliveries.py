"""Encodes queued deliveries, their outcomes and their dead letters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from nightbus.aws.calls import Scope
from nightbus.aws.ids import event_id_time
from nightbus.bus.retry import RetryPolicy
from nightbus.bus.transform import CHOICES
from nightbus.delivery.interface import Delivered, Delivery, Failed, Matched, Outcome

QUEUE = "deliveries"
_ERROR_CODES = (
    # what EventBridge calls it in a dead letter, and of what a service's error has one in its code; the first fits
    (
        "NO_PERMISSIONS",
        ("AccessDenied", "AuthorizationError", "NotAuthorized", "UnrecognizedClient", "HTTP_403"),
    ),
    ("THROTTLING", ("Throttl", "TooManyRequests", "RequestLimitExceeded", "ThroughputExceeded")),
    ("TIMEOUT", ("Timeout", "TimedOut")),
    ("CONNECTION_FAILURE", ("ConnectionFailure",)),
    ("THIRD_ACCOUNT_HOP_DETECTED", ("ThirdAccountHop",)),
    ("THIRD_REGION_HOP_DETECTED", ("ThirdRegionHop",)),
    ("NO_RESOURCE", ("NotFound", "DoesNotExist", "NonExistent", "NoSuch", "HTTP_404")),
    ("RESOURCE_ALREADY_EXISTS", ("AlreadyExists",)),
    ("RESOURCE_MODIFICATION_COLLISION", ("ResourceConflict", "Concurrent", "ResourceInUse")),
    ("RESOURCE_LIMIT_EXCEEDED", ("LimitExceeded",)),
    (
        "INVALID_JSON",
        ("INVALID_JSON", "InvalidRequestContent"),
    ),  # the latter is what Lambda says of a payload
    ("INVALID_PARAMETER", ("Invalid", "Validation")),
    ("INTERNAL_ERROR", ("Internal",)),
    ("ERROR_FROM_TARGET", ("ServiceException", "ServiceUnavailable", "HTTP_5")),
)


def encode(delivery: Delivery) -> bytes:
    value = {
        "scope": list(delivery.scope),
        "bus": delivery.bus,
        "rule": delivery.rule,
        "rule_arn": delivery.rule_arn,
        "event_id": delivery.event_id,
        "event_time": delivery.event_time,
        "target": delivery.target,
        "input": delivery.input.decode(),
        "attempt": delivery.attempt,
        "trace": delivery.trace,
    }
    if delivery.invocation_id:
        value |= {"request_id": delivery.request_id, "invocation_id": delivery.invocation_id}
    if delivery.stays:
        value["stays"] = True
    return orjson.dumps(value)


def decode(data: bytes) -> Delivery:
    value = orjson.loads(data)
    return Delivery(**{**value, "scope": Scope(*value["scope"]), "input": value["input"].encode()})


def first_delivery(matched: Matched) -> Delivery:
    return Delivery(
        matched.scope,
        matched.bus,
        matched.rule,
        matched.rule_arn,
        matched.event_id,
        matched.time,
        matched.target,
        matched.input,
        1,
        matched.trace,
    )


class Buried(NamedTuple):
    """The dead letter of an event: the ARN of its queue, and what that calls the message."""

    queue: str
    message_id: str


class Lost(NamedTuple):
    """An event that its dead-letter queue did not take: the queue's ARN, and why."""

    queue: str
    why: str


def next_try(delivery: Delivery) -> Delivery:
    return replace(delivery, attempt=delivery.attempt + 1)


def outcome_entry(
    delivery: Delivery,
    outcome: Outcome,
    now_ms: int,
    next_ms: int | None,
    began_ms: int | None = None,
    letter: Buried | Lost | None = None,
) -> bytes:
    """One attempt as the outcome log has it; `next_ms` is when the next one follows, `letter` what became of the dead
    letter after the last one, None where the target names no queue for it."""
    entry: dict[str, Any] = {
        "rule": delivery.rule,
        "target": delivery.target["Id"],
        "arn": delivery.target["Arn"],
        "attempt": delivery.attempt,
        "time": now_ms,
    }
    if event_id_time(delivery.event_id) not in (None, delivery.event_time):
        entry["accepted"] = delivery.event_time  # once more: in a replay
    if delivery.attempt == 1 and any(delivery.target.get(choice) is not None for choice in CHOICES):
        entry["input"] = delivery.input.decode()  # else it is the event itself
    if isinstance(outcome, Delivered):
        entry |= {"outcome": "delivered", "request_id": outcome.request_id}
    else:
        entry |= {
            "outcome": "failed" if next_ms is None else "will be tried again",
            "code": outcome.code,
            "message": outcome.message,
        }
        if next_ms is not None:
            entry["next"] = next_ms
        if isinstance(letter, Buried):
            entry |= {"dead_letter": letter.queue, "dead_letter_id": letter.message_id}
        elif letter is not None:
            entry["not_sent"] = [{"to": letter.queue, "why": letter.why}]
    if began_ms is not None:
        entry["duration"] = now_ms - began_ms
    return orjson.dumps(entry)


def error_code(code: str) -> str:
    """What EventBridge calls a service's error."""
    return next(
        (name for name, parts in _ERROR_CODES if any(part in code for part in parts)), "SDK_CLIENT_ERROR"
    )


def dead_letter_attributes(delivery: Delivery, failure: Failed) -> dict[str, dict[str, str]]:
    """What a dead letter says about itself, in AWS's names.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    given = delivery.target.get("RetryPolicy") or {}
    most = given.get("MaximumRetryAttempts", RetryPolicy().maximum_retry_attempts)
    known = {
        "RULE_ARN": delivery.rule_arn,
        "TARGET_ARN": delivery.target["Arn"],
        "ERROR_CODE": error_code(failure.code),
        "ERROR_MESSAGE": failure.message or failure.code,
    }
    if not failure.permanent:
        exhausted = "MaximumRetryAttempts" if delivery.attempt > most else "MaximumEventAgeInSeconds"
        known["EXHAUSTED_RETRY_CONDITION"] = exhausted
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in known.items()}
    attributes["RETRY_ATTEMPTS"] = {"DataType": "Number", "StringValue": str(delivery.attempt - 1)}
    return attributes
