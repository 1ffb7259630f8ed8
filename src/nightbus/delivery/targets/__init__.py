"""Lists the targets that jobs may have, one module for each kind.

The kind goes by what the ARN begins with after the account; for an endpoint without an ARN, by the member that holds
its address.

`deliver` makes one attempt at a queued job. A target that lives in the node's own store also has `deliver_inline`,
which delivers within the event's commit; where that cannot be, a job is queued. `open_appender` is the short way for
all events of one commit in the commonest case.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from nightbus.aws.arn import Arn
from nightbus.delivery.forwarding.kinds import KINDS
from nightbus.delivery.interface import DeliverInline, OpenAppender
from nightbus.delivery.jobs import Job, Outcome, Postponed, TargetContext
from nightbus.delivery.targets import (
    api_destination,
    event_bus,
    forwarded,
    http_endpoint,
    lambda_function,
    log_group,
    mail_address,
    outbox,
    s3_bucket,
    sns_topic,
    sqs_queue,
)

T = TypeVar("T")
Target = Callable[[Job[Any], TargetContext], Awaitable[Outcome | Postponed]]

TARGETS: dict[tuple[str, str], Target] = {
    # service and the beginning of the resource in the target's ARN
    ("lambda", "function:"): lambda_function.deliver,
    ("events", "api-destination/"): api_destination.deliver,
    ("events", "event-bus/"): event_bus.deliver,
    ("logs", "log-group:"): log_group.deliver,
    ("s3", ""): s3_bucket.deliver,
    ("sns", ""): sns_topic.deliver,
    ("sqs", ""): sqs_queue.deliver,
    **{(kind.service, kind.resource): forwarded.deliver for kind in KINDS},
}

ENDPOINTS: dict[str, Target] = {
    # the member of a target without an ARN
    "Url": http_endpoint.deliver,
    "Mail": mail_address.deliver,
    "Outbox": outbox.deliver,
}

_ELSEWHERE = (api_destination.deliver, forwarded.deliver, *ENDPOINTS.values())

INLINE: dict[tuple[str, str], DeliverInline] = {
    ("lambda", "function:"): lambda_function.deliver_inline,
    ("events", "event-bus/"): event_bus.deliver_inline,
    ("logs", "log-group:"): log_group.deliver_inline,
    ("sns", ""): sns_topic.deliver_inline,
    ("sqs", ""): sqs_queue.deliver_inline,
}

APPENDERS: dict[tuple[str, str], OpenAppender] = {
    ("sqs", ""): sqs_queue.open_appender,
}


def target_of(target: Mapping[str, Any]) -> Target | None:
    """None for what Nightbus cannot deliver to."""
    if "Arn" in target:
        return _of(TARGETS, str(target["Arn"]))
    return next((deliver for member, deliver in ENDPOINTS.items() if member in target), None)


def kind_of(target: Mapping[str, Any]) -> str:
    """Return the kind for counters: its ARN's service, `event-bus`, `api-destination`, or `http`, `mail`, `outbox`."""
    if "Arn" not in target:
        return (
            "http" if "Url" in target else next((one.lower() for one in ENDPOINTS if one in target), "other")
        )
    parts = str(target["Arn"]).split(":", 5)
    if len(parts) < 6:
        return "other"
    return parts[5].partition("/")[0] if parts[2] == "events" else parts[2]


def is_elsewhere(target: Mapping[str, Any]) -> bool:
    """Whether others answer for how long an attempt takes."""
    return target_of(target) in _ELSEWHERE


def inline_delivery_of(arn: str) -> DeliverInline | None:
    """None for what lives elsewhere than in the store."""
    return _of(INLINE, arn)


def open_appender_of(arn: str) -> OpenAppender | None:
    """None for what is not placed without a look at the store."""
    return _of(APPENDERS, arn)


def _of(kinds: dict[tuple[str, str], T], arn: str) -> T | None:
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        return None
    for (service, resource), kind in kinds.items():
        if parsed.service == service and parsed.resource.startswith(resource):
            return kind
    return None
