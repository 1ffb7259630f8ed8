"""Lists which of AWS's values Nightbus supports.

A service refuses others when it is called, and a stack when its changes are planned, before anything is made.
"""

from __future__ import annotations

from nightbus.aws.arn import Arn

SNS_PROTOCOLS_ELSEWHERE = ("firehose",)
EVENT_SOURCES = "arn:aws:sqs:"  # the sources of event source mappings
BUCKET_ENCRYPTIONS = ("AES256", "aws:kms")
LOG_GROUP_CLASS = "STANDARD"
# The destinations of asynchronous invocations: a service, and the beginning of its resource.
_DESTINATIONS = (("lambda", "function:"), ("events", "event-bus/"), ("sqs", ""), ("sns", ""))
# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html, as far as their creation is blocked since 2024.
_RETIRED_RUNTIMES = frozenset(
    {
        "dotnet5.0", "dotnetcore1.0", "dotnetcore2.0", "dotnetcore2.1", "dotnetcore3.1", "go1.x", "java8", "nodejs",
        "nodejs10.x", "nodejs12.x", "nodejs14.x", "nodejs4.3", "nodejs4.3-edge", "nodejs6.10", "nodejs8.10", "provided",
        "python2.7", "python3.6", "python3.7", "ruby2.5", "ruby2.7",
    }
)  # fmt: skip


def takes_invocation_records(destination: Arn, outcome: str) -> bool:
    """Return whether the destination may have records of this outcome, "OnSuccess" or "OnFailure"."""
    if destination.service == "s3":
        return outcome == "OnFailure"
    return any(
        destination.service == service and destination.resource.startswith(kind)
        for service, kind in _DESTINATIONS
    )


def is_retired_runtime(runtime: str) -> bool:
    """Return whether AWS refuses to create functions of this runtime."""
    return runtime in _RETIRED_RUNTIMES


def is_supported_runtime(runtime: str) -> bool:
    """Return whether Nightbus runs functions of this runtime, if AWS does."""
    return is_retired_runtime(runtime) or runtime.startswith(("python", "nodejs", "provided."))
