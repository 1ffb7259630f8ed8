"""The targets that rules may have, one module per type, by what their ARN begins with after the account."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nightbus.aws.arn import Arn
from nightbus.delivery.interface import Delivery, Outcome, TargetContext
from nightbus.delivery.targets import event_bus, lambda_function, log_group

Target = Callable[[Delivery, TargetContext], Awaitable[Outcome]]

TARGETS: dict[tuple[str, str], Target] = {
    # service and the beginning of the resource in the target's ARN
    ("lambda", "function:"): lambda_function.deliver,
    ("events", "event-bus/"): event_bus.deliver,
    ("logs", "log-group:"): log_group.deliver,
}


def target_of(arn: str) -> Target | None:
    """None for what Nightbus cannot deliver to."""
    try:
        parsed = Arn.parse(arn)
    except ValueError:
        return None
    for (service, resource), target in TARGETS.items():
        if parsed.service == service and parsed.resource.startswith(resource):
            return target
    return None
