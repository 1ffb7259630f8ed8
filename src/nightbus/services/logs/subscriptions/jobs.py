"""Queues the events of a subscription as jobs of the dispatcher, and says how they are delivered.

CloudWatch Logs invokes the function on behalf of the log group, so that the function's policy decides each time. A
function that is busy or broken is tried again for a day; one that refuses is not, and the node's log says so.
"""

from __future__ import annotations

import base64
import gzip
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.ids import new_uuid
from nightbus.bus.retry import RetryPolicy
from nightbus.delivery.jobs import Attempt, DeadLetter, Failed, Job, decode_job, encode_job
from nightbus.services.context import Platform
from nightbus.store.interface import SYSTEM, Change, Enqueue

log = logging.getLogger("nightbus.logs")

QUEUE = "logs/subscriptions"
_POLICY = RetryPolicy()


@dataclass(frozen=True, slots=True)
class LogGroupOrigin:
    """The log group on whose behalf the function is invoked; `id` is the batch's, the same for each attempt."""

    arn: str
    account: str
    region: str
    principal: str
    id: str


SubscriptionJob = Job[LogGroupOrigin]


def data_message(
    account: str, group: str, stream: str, name: str, events: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the message about `events`, each with its id, timestamp and message, that a filter's destination gets.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html
    """
    return {
        "messageType": "DATA_MESSAGE",
        "owner": account,
        "logGroup": group,
        "logStream": stream,
        "subscriptionFilters": [name],
        "logEvents": list(events),
    }


def invocation(destination: str, message: dict[str, Any], origin: LogGroupOrigin, now_ms: int) -> Enqueue:
    """Return the change that queues the invocation of a function with `message`, compressed and in base64."""
    packed = base64.b64encode(gzip.compress(orjson.dumps(message), 6)).decode()
    event = orjson.dumps({"awslogs": {"data": packed}})
    job = Job({"Arn": destination}, event, _POLICY, origin, now_ms)
    return Enqueue(SYSTEM, QUEUE, encode_job(job), now_ms)


def new_origin(group_arn: str, scope: Scope, principal: str) -> LogGroupOrigin:
    return LogGroupOrigin(f"{group_arn}:*", scope.account, scope.region, principal, new_uuid())


class SubscriptionJobs:
    """Implements `nightbus.delivery.jobs.JobQueue`."""

    name = QUEUE

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def decode(self, data: bytes) -> SubscriptionJob:
        return decode_job(data, _POLICY, LogGroupOrigin)

    def encode(self, job: SubscriptionJob) -> bytes:
        return encode_job(job)

    async def current(self, job: SubscriptionJob) -> SubscriptionJob:
        """The events were taken while the filter was there."""
        return job

    def call(self, job: SubscriptionJob, endpoint: str) -> Call:
        origin = job.origin
        home = Scope(origin.account, origin.region)
        caller = Caller.for_service(origin.account, origin.principal, origin.arn)
        return Call(job.target_scope(home), caller, endpoint)

    async def records(self, job: SubscriptionJob, attempt: Attempt) -> list[Change]:
        return []

    async def dead_letter(self, job: SubscriptionJob, failure: Failed) -> DeadLetter | None:
        """A subscription filter names no dead-letter queue."""
        return None

    def log_failure(self, job: SubscriptionJob, failure: Failed, attempt: Attempt) -> None:
        log.warning(
            "%s did not take events of %s: %s %s; %s",
            job.address,
            job.origin.arn,
            failure.code,
            failure.message,
            "given up" if attempt.again_ms is None else f"attempt {job.attempt + 1} follows",
        )
