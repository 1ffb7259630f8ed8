"""Writes the steps of an event to the log of its bus, for buses that have one.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-logs-schema.html
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from nightbus.bus.json_text import parse_json, write_json
from nightbus.delivery.buses import Bus, LogLevel
from nightbus.delivery.error_codes import error_code
from nightbus.delivery.jobs import Attempt, Buried, Delivered, Outcome
from nightbus.delivery.rule_origin import RuleJob
from nightbus.messaging.log_streams import appends, ensure_stream, required_stream
from nightbus.store.interface import Change, Store

STREAM = "EventBridgeEventBusLogs"
_LONGEST = 1_000_000  # bytes of a record, whose payloads are left out above
_RANKS = {"OFF": 0, "ERROR": 1, "INFO": 2, "TRACE": 3}
_LEVELS = {
    "EVENT_RECEIPT": "TRACE",
    "EVENT_INGEST_SUCCESS": "INFO",
    "RULE_MATCH_START": "TRACE",
    "RULE_MATCH": "INFO",
    "NO_STANDARD_RULES_MATCHED": "INFO",
    "INVOCATION_START": "INFO",
    "INVOCATION_ATTEMPT_START": "TRACE",
    "INVOCATION_ATTEMPT_SUCCESS": "TRACE",
    "INVOCATION_ATTEMPT_RETRYABLE_FAILURE": "ERROR",
    "INVOCATION_ATTEMPT_PERMANENT_FAILURE": "ERROR",
    "INVOCATION_ATTEMPT_THROTTLE": "ERROR",
    "INVOCATION_SUCCESS": "INFO",
    "INVOCATION_FAILURE": "ERROR",
    "INVOCATION_DLQ": "ERROR",
}
_PAYLOADS = ("event_detail", "target_input", "target_properties")
_NO_PROPERTIES = frozenset(
    {"Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer", "RetryPolicy", "DeadLetterConfig"}
)


def group_of(bus: str) -> str:
    return f"/aws/vendedlogs/events/event-bus/{bus}"


def log_of(bus: Bus, request_id: str) -> BusLog | None:
    """For what a commit has to say of the bus's events; None where nothing is to be said."""
    return None if bus.level is None else BusLog(bus, bus.level, request_id)


@dataclass(slots=True)
class BusLog:
    """The records of one commit about the events of one bus. `call` is the id of the request that they came with."""

    bus: Bus
    level: LogLevel
    call: str
    _records: list[tuple[int, str]] = field(default_factory=list)

    async def changes(self, store: Store, now: int) -> list[Change]:
        if not self._records:
            return []
        group = group_of(self.bus.name)
        while (required := await required_stream(store, self.bus.scope, group, STREAM)) is None:
            await ensure_stream(store, self.bus.scope, group, STREAM, now)
        return [required, *appends(self.bus.scope, group, STREAM, self._records, now)]

    def accepted(self, event_id: str, text: bytes, caller_account: str, now: int) -> None:
        event = parse_json(text.decode())
        details = {
            "caller_account_id": caller_account,
            "source_time_ms": int(datetime.fromisoformat(event["time"]).timestamp() * 1000),
            "source": event["source"],
            "detail_type": event["detail-type"],
            "resources": event["resources"],
            "event_detail": write_json(event["detail"]),
        }
        for step in ("EVENT_RECEIPT", "EVENT_INGEST_SUCCESS", "RULE_MATCH_START"):
            self._write(step, event_id, "", details, now)

    def matched(self, event_id: str, rule_arn: str, targets: Sequence[tuple[str, str]], now: int) -> None:
        """`targets` are the targets' ARNs, each with the id of its invocation."""
        details = {
            "rule_arn": rule_arn,
            "target_arns": [arn for arn, _ in targets],
            "invocation_ids": [invocation for _, invocation in targets],
        }
        self._write("RULE_MATCH", event_id, "", details, now)

    def matched_nothing(self, event_id: str, now: int) -> None:
        self._write("NO_STANDARD_RULES_MATCHED", event_id, "", {}, now)

    def attempted(self, job: RuleJob, made: Attempt) -> None:
        """An attempt from its start to its end, and what that was the end of."""
        outcome = made.outcome
        attempt = {**_target(job), "attempt_count": job.attempt}
        sent = {**attempt, **_payload(job)}
        if job.attempt == 1:
            self._of(job, "INVOCATION_START", sent, made.began)
        self._of(job, "INVOCATION_ATTEMPT_START", sent, made.began)
        status = "SUCCESS" if isinstance(outcome, Delivered) else error_code(outcome.code)
        result = {
            **attempt,
            "attempt_type": "FIRST" if job.attempt == 1 else "RETRY",
            "invocation_status": status,
            "target_duration_ms": made.ended - made.began,
        }
        error: dict[str, Any] | None = None
        if not isinstance(outcome, Delivered):
            service = job.address.split(":")[2]
            error = {"error_message": outcome.message or outcome.code, "aws_service": service}
            if outcome.status:
                error["http_status_code"] = outcome.status
        self._of(job, _attempt_step(outcome), result, made.ended, error)
        if made.again_ms is None:
            total = _totals(job, status, made.began, made.ended)
            last = "INVOCATION_FAILURE" if error else "INVOCATION_SUCCESS"
            self._of(job, last, total, made.ended, error)
            if isinstance(made.letter, Buried):
                self._of(job, "INVOCATION_DLQ", total, made.ended, error)

    def delivered_at_once(self, job: RuleJob, request_id: str) -> None:
        """In the event's own commit."""
        now = job.accepted
        self.attempted(job, Attempt(Delivered(request_id), None, now, now))

    def _of(
        self,
        job: RuleJob,
        step: str,
        details: dict[str, Any],
        now: int,
        error: dict[str, Any] | None = None,
    ) -> None:
        self._write(step, job.origin.event_id, job.origin.invocation_id, details, now, error)

    def _write(
        self,
        step: str,
        event_id: str,
        invocation_id: str,
        details: dict[str, Any],
        now: int,
        error: dict[str, Any] | None = None,
    ) -> None:
        level = _LEVELS[step]
        if _RANKS[level] > _RANKS[self.level.level]:
            return
        if not self.level.full:
            details = {name: value for name, value in details.items() if name not in _PAYLOADS}
        record: dict[str, Any] = {
            "resource_arn": self.bus.arn,
            "message_timestamp_ms": now,
            "event_bus_name": self.bus.name,
            "request_id": self.call,
            "event_id": event_id,
        }
        if invocation_id:
            record["invocation_id"] = invocation_id
        record |= {"message_type": step, "log_level": level, "details": details}
        if error is not None:
            record["error"] = error
        self._records.append((now, _fitting(record)))


def _attempt_step(outcome: Outcome) -> str:
    if isinstance(outcome, Delivered):
        return "INVOCATION_ATTEMPT_SUCCESS"
    if outcome.permanent:
        return "INVOCATION_ATTEMPT_PERMANENT_FAILURE"
    if error_code(outcome.code) == "THROTTLING":
        return "INVOCATION_ATTEMPT_THROTTLE"
    return "INVOCATION_ATTEMPT_RETRYABLE_FAILURE"


def _target(job: RuleJob) -> dict[str, Any]:
    named = {"rule_arn": job.origin.arn, "target_arn": job.target["Arn"]}
    role = job.target.get("RoleArn")
    return {**named, "role_arn": role} if role else named


def _payload(job: RuleJob) -> dict[str, str]:
    properties = {name: value for name, value in job.target.items() if name not in _NO_PROPERTIES}
    return {"target_input": job.input.decode(), "target_properties": write_json(properties)}


def _totals(job: RuleJob, status: str, began: int, now: int) -> dict[str, Any]:
    details = {
        **_target(job),
        **_payload(job),
        "total_attempts": job.attempt,
        "final_invocation_status": status,
        "target_duration_ms": now - began,
    }
    if job.attempt == 1:
        details["ingestion_to_start_latency_ms"] = began - job.accepted
        details["ingestion_to_complete_latency_ms"] = now - job.accepted
    if status == "SUCCESS":
        details["ingestion_to_success_latency_ms"] = now - job.accepted
    return details


def _fitting(record: dict[str, Any]) -> str:
    text = write_json(record)
    if len(text) <= _LONGEST and len(text.encode(errors="replace")) <= _LONGEST:
        return text
    details = record["details"]
    dropped = [name for name in _PAYLOADS if name in details]
    kept = {name: value for name, value in details.items() if name not in dropped}
    return orjson.dumps({**record, "details": kept, "dropped_fields": dropped}).decode()
