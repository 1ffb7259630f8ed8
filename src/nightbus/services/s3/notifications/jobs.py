"""Queues the notifications for queues, topics and functions as jobs of the dispatcher, and says how they are delivered.

S3 calls the destination on behalf of the bucket, so that the destination's policy decides each time; aws:SourceArn is
the bucket and aws:SourceAccount its owner. A destination that is busy or broken is tried again for a day; one that
refuses is not, and the node's log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.ids import new_uuid
from nightbus.bus.retry import RetryPolicy
from nightbus.delivery.jobs import Attempt, DeadLetter, Failed, Job, decode_job, encode_job
from nightbus.services.context import Platform
from nightbus.services.s3.notifications.object_events import SERVICE
from nightbus.services.s3.records import bucket_arn
from nightbus.store.interface import SYSTEM, Change, Enqueue, Record

log = logging.getLogger("nightbus.s3")

QUEUE = "s3/notifications"
_POLICY = RetryPolicy()
_SUBJECT = "Amazon S3 Notification"


@dataclass(frozen=True, slots=True)
class BucketOrigin:
    """The bucket on whose behalf a notification is delivered; `id` is the notification's, the same for each attempt."""

    arn: str
    account: str
    region: str
    id: str


NotificationJob = Job[BucketOrigin]


def notification_job(
    bucket: Record, destination: str, message: Mapping[str, Any], now_ms: int, trace: str = ""
) -> Enqueue:
    """Return the change that queues `message` for the destination, an ARN."""
    target = {"Arn": destination}
    if Arn.parse(destination).service == "sns":
        target["Subject"] = _SUBJECT
    origin = BucketOrigin(bucket_arn(bucket), bucket.value["Account"], bucket.value["Region"], new_uuid())
    job = Job(target, orjson.dumps(message), _POLICY, origin, now_ms, trace=trace)
    return Enqueue(SYSTEM, QUEUE, encode_job(job), now_ms)


class BucketNotificationJobs:
    """Implements `nightbus.delivery.jobs.JobQueue`."""

    name = QUEUE

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def decode(self, data: bytes) -> NotificationJob:
        return decode_job(data, _POLICY, BucketOrigin)

    def encode(self, job: NotificationJob) -> bytes:
        return encode_job(job)

    async def current(self, job: NotificationJob) -> NotificationJob:
        """What happened is told also after the configuration was changed, since it was accepted before."""
        return job

    def call(self, job: NotificationJob, endpoint: str) -> Call:
        origin = job.origin
        home = Scope(origin.account, origin.region)
        caller = Caller.for_service(origin.account, SERVICE, origin.arn)
        return Call(job.target_scope(home), caller, endpoint, trace=job.trace)

    async def records(self, job: NotificationJob, attempt: Attempt) -> list[Change]:
        return []

    async def dead_letter(self, job: NotificationJob, failure: Failed) -> DeadLetter | None:
        """A bucket names no dead-letter queue."""
        return None

    def log_failure(self, job: NotificationJob, failure: Failed, attempt: Attempt) -> None:
        log.warning(
            "%s did not take a notification of %s: %s %s; %s",
            job.address,
            job.origin.arn,
            failure.code,
            failure.message,
            "given up" if attempt.again_ms is None else f"attempt {job.attempt + 1} follows",
        )
