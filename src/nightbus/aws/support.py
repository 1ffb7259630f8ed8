"""Which values that AWS takes does Nightbus not carry out?

A service refuses them when it is called, and a stack when its changes are planned, before anything is made.
"""

from __future__ import annotations

SNS_PROTOCOLS_ELSEWHERE = ("sms", "application", "firehose")
EVENT_SOURCES = "arn:aws:sqs:"  # what an event source mapping reads


def runs(runtime: str) -> bool:
    """Whether functions of this runtime of AWS Lambda run here."""
    return runtime.startswith("python")
