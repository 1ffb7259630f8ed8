"""Where an event or a record went after a failure, or that it went nowhere, in words for a person."""

from __future__ import annotations

from typing import Any


def service_and_name(arn: str) -> str:
    """A service and a name, which say more to a person than an ARN."""
    _, _, service, _, _, resource = arn.split(":", 5)
    return f"{service} {resource}"


def dead_letter(attempt: dict[str, Any]) -> str:
    """What became of the event after the last attempt: the queue that has it, or the one that did not take it."""
    return (
        f"; now in {service_and_name(attempt['dead_letter'])}" if attempt.get("dead_letter") else ""
    ) + not_sent(attempt)


def not_sent(ended: dict[str, Any]) -> str:
    """Of an attempt or a run: the queues and destinations that did not take what they were to get, and why."""
    refusals = (
        f"; not sent to {service_and_name(one['to'])}: {one['why']}" for one in ended.get("not_sent", ())
    )
    return "".join(refusals)
