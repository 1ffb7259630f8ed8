"""Describes, for a person, where an event or a record went after a failure."""

from __future__ import annotations

from typing import Any


def service_and_name(arn: str) -> str:
    """Return an ARN as a service and a name, which a person reads more easily."""
    _, _, service, _, _, resource = arn.split(":", 5)
    return f"{service} {resource}"


def dead_letter_text(attempt: dict[str, Any]) -> str:
    """Return what happened to the event after the last attempt: the dead-letter queue, or why it is not there."""
    return (
        f"; now in {service_and_name(attempt['dead_letter'])}" if attempt.get("dead_letter") else ""
    ) + unsent_text(attempt)


def unsent_text(outcome: dict[str, Any]) -> str:
    """Return the queues and destinations that refused a record of an attempt or a run, with the reasons."""
    refusals = (
        f"; not sent to {service_and_name(one['to'])}: {one['why']}" for one in outcome.get("not_sent", ())
    )
    return "".join(refusals)
