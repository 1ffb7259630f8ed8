"""Tells which values that AWS takes Nightbus carries out.

A service refuses them when it is called, and a stack when its changes are planned, before anything is made.
"""

from __future__ import annotations

from nightbus.aws.arn import Arn

SNS_PROTOCOLS_ELSEWHERE = ("sms", "application", "firehose")
EVENT_SOURCES = "arn:aws:sqs:"  # what an event source mapping reads
BUCKET_ENCRYPTIONS = ("AES256", "aws:kms")
LOG_GROUP_CLASS = "STANDARD"
# Where the record of an asynchronous invocation may go: a service, and how its resource begins.
_DESTINATIONS = (("lambda", "function:"), ("events", "event-bus/"), ("sqs", ""), ("sns", ""))


def takes_invocation_records(destination: Arn) -> bool:
    return any(
        destination.service == service and destination.resource.startswith(kind)
        for service, kind in _DESTINATIONS
    )


def runs(runtime: str) -> bool:
    """Whether functions of this runtime of AWS Lambda run here."""
    return runtime.startswith("python")
