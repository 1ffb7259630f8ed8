"""Queues the record of an asynchronous invocation for its destination, and a failed event for its dead-letter queue.

Both are jobs of the dispatcher, queued in the commit that ends the invocation: an invocation that ended and its record
are on disk together. Lambda calls a destination under the function's own role. A destination that is busy or broken is
tried again as long as AWS keeps an asynchronous event by default, six hours; one that refuses the record is not.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Call, Scope
from nightbus.aws.ids import new_uuid
from nightbus.aws.trace_header import for_invocation, without_lineage
from nightbus.bus.retry import RetryPolicy
from nightbus.delivery.jobs import Attempt, DeadLetter, Failed, Job, decode_job, encode_job
from nightbus.delivery.targets.s3_bucket import KEY
from nightbus.delivery.trace_log import record_sent
from nightbus.functions.interface import InvokeResult
from nightbus.services.context import Platform
from nightbus.services.lambda_.invocations.queued import QueuedInvocation
from nightbus.services.lambda_.invocations.role_session import role_session
from nightbus.store.interface import SYSTEM, Change, Enqueue

log = logging.getLogger("nightbus.lambda")

QUEUE = "lambda/destinations"
# What SQS and SNS refuse in a message and a function may have in its own; the letter would be lost for it.
_NOT_IN_MESSAGES = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_POLICY = RetryPolicy(maximum_event_age=6 * 3600)


@dataclass(frozen=True, slots=True)
class InvocationEnd:
    """How an asynchronous invocation ended.

    `condition` is `Success` or why the event was given up; `result` is that of the last attempt, if any ran; `role` is
    the function's, under which its destinations are called.
    """

    invocation: QueuedInvocation
    condition: str
    attempts: int
    role: str
    executed_version: str = ""
    result: InvokeResult | None = None


@dataclass(frozen=True, slots=True)
class InvocationOrigin:
    """The invocation that a record is about. `arn` is the function's without a qualifier."""

    arn: str
    account: str
    function: str
    role: str
    request_id: str

    @property
    def id(self) -> str:
        return self.request_id


DestinationJob = Job[InvocationOrigin]


def destination(end: InvocationEnd, arn: str, now: int) -> Enqueue:
    """The job that sends the invocation record to the destination; `now` is UTC ms."""
    record = orjson.dumps(invocation_record(end, now))
    target: dict[str, Any] = {"Arn": arn}
    if Arn.parse(arn).service == "events":
        kind = "Success" if end.condition == "Success" else "Failure"
        function = f"{end.invocation.ref.arn}:{end.invocation.ref.version_or_alias}"
        target["EventBridgeEventBusParameters"] = {
            "Source": "lambda",
            "DetailType": f"Lambda Function Invocation Result - {kind}",
            "Resources": [function, arn],
        }
    if Arn.parse(arn).service == "s3":
        target[KEY] = object_key(end.invocation.name, now)
    return _enqueue(end, target, record, now)


def object_key(function: str, now_ms: int) -> str:
    """Return the key of a record in a bucket, in AWS's layout."""
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"aws/lambda/async/{function}/{moment:%Y/%m/%d/%Y-%m-%dT%H.%M.%S}-{new_uuid()}"


def dead_letter(end: InvocationEnd, arn: str, now: int) -> Enqueue:
    """The job that sends the event itself to the function's own dead-letter queue or topic; `now` is UTC ms.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
    """
    values = {"RequestID": ("String", end.invocation.request_id), "ErrorCode": ("Number", "200")}
    if end.result is not None:
        text = _error_message(end.result) or end.condition
        values["ErrorMessage"] = ("String", _NOT_IN_MESSAGES.sub("\N{REPLACEMENT CHARACTER}", text))
    attributes = {name: {"DataType": kind, "StringValue": text} for name, (kind, text) in values.items()}
    target = {"Arn": arn, "MessageAttributes": attributes}
    return _enqueue(end, target, end.invocation.payload.encode(), now)


def _enqueue(end: InvocationEnd, target: Mapping[str, Any], body: bytes, now: int) -> Enqueue:
    invocation = end.invocation
    origin = InvocationOrigin(
        invocation.ref.arn, invocation.account, invocation.name, end.role, invocation.request_id
    )
    trace = for_invocation(invocation.trace, invocation.request_id, now, invocation.ref.arn)
    if Arn.parse(str(target["Arn"])).service == "events":
        trace = without_lineage(trace)
    return Enqueue(SYSTEM, QUEUE, encode_job(Job(target, body, _POLICY, origin, now, trace=trace)), now)


class DestinationJobs:
    """Implements `nightbus.delivery.jobs.JobQueue`."""

    name = QUEUE

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def decode(self, data: bytes) -> DestinationJob:
        return decode_job(data, _POLICY, InvocationOrigin)

    def encode(self, job: DestinationJob) -> bytes:
        return encode_job(job)

    async def current(self, job: DestinationJob) -> DestinationJob:
        """The record is sent also after its function was deleted or changed."""
        return job

    def call(self, job: DestinationJob, endpoint: str) -> Call:
        """Under the function's role; the invocation is the parent of what follows."""
        origin = job.origin
        caller = role_session(origin.role, origin.arn)
        home = Scope(origin.account, Arn.parse(origin.arn).region)
        return Call(job.target_scope(home), caller, endpoint, trace=job.trace)

    async def records(self, job: DestinationJob, attempt: Attempt) -> list[Change]:
        """A note beside that of the invocation's last run: who took the record, or why nobody did."""
        if attempt.again_ms is not None:
            return []
        note: dict[str, Any] = {"sent_to": [job.address]}
        if isinstance(attempt.outcome, Failed):
            why = f"{attempt.outcome.code} {attempt.outcome.message}"
            note = {"not_sent": [{"to": job.address, "why": why}]}
        return [record_sent(job.origin.request_id, attempt.ended, note)]

    async def dead_letter(self, job: DestinationJob, failure: Failed) -> DeadLetter | None:
        """As on AWS, a record that its destination does not take is dropped."""
        return None

    def log_failure(self, job: DestinationJob, failure: Failed, attempt: Attempt) -> None:
        log.warning(
            "%s did not take a record of %s: %s %s; %s",
            job.address,
            job.origin.request_id,
            failure.code,
            failure.message,
            "given up" if attempt.again_ms is None else f"attempt {job.attempt + 1} follows",
        )


def invocation_record(end: InvocationEnd, now_ms: int) -> dict[str, Any]:
    """What destinations get as JSON, in AWS's shape."""
    invocation, result = end.invocation, end.result
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{moment:%Y-%m-%dT%H:%M:%S}.{now_ms % 1000:03d}Z",
        "requestContext": {
            "requestId": invocation.request_id,
            "functionArn": f"{invocation.ref.arn}:{invocation.ref.version_or_alias}",
            "condition": end.condition,
            "approximateInvokeCount": end.attempts,
        },
        "requestPayload": orjson.Fragment(invocation.payload),
    }
    if result is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": end.executed_version}
        if result.error:
            record["responseContext"]["functionError"] = result.error
        record["responsePayload"] = _as_it_is(result.payload)
    return record


def _as_it_is(payload: bytes) -> Any:
    """Its JSON with every number as it was written, however deep; else its text."""
    parsed = _parsed(payload)
    return parsed if isinstance(parsed, str) else orjson.Fragment(payload)


def _error_message(result: InvokeResult) -> str:
    payload = _parsed(result.payload)
    text = payload.get("errorMessage") if isinstance(payload, dict) else None
    return str(text or "")[:1024]


def error_of(result: InvokeResult) -> dict[str, str]:
    """What a function failed with."""
    payload = _parsed(result.payload)
    kind = payload.get("errorType") if isinstance(payload, dict) else None
    return {"code": str(kind or result.error or ""), "message": _error_message(result)}


def _parsed(payload: bytes) -> Any:
    try:
        return orjson.loads(payload)
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")
