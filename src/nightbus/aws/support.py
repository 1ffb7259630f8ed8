"""Lists which of AWS's values Nightbus supports.

A service refuses others when it is called, and a stack when its changes are planned, before anything is made.
"""

from __future__ import annotations

from nightbus.aws.arn import Arn

SNS_PROTOCOLS_ELSEWHERE = ("sms", "application", "firehose")
EVENT_SOURCES = "arn:aws:sqs:"  # the sources of event source mappings
BUCKET_ENCRYPTIONS = ("AES256", "aws:kms")
LOG_GROUP_CLASS = "STANDARD"
# The destinations of asynchronous invocations: a service, and the beginning of its resource.
_DESTINATIONS = (("lambda", "function:"), ("events", "event-bus/"), ("sqs", ""), ("sns", ""))


def takes_invocation_records(destination: Arn) -> bool:
    return any(
        destination.service == service and destination.resource.startswith(kind)
        for service, kind in _DESTINATIONS
    )


def is_supported_runtime(runtime: str) -> bool:
    """Return whether Nightbus runs functions of this runtime of AWS Lambda."""
    return runtime.startswith(("python", "nodejs", "provided."))
