"""Finds the bus that a rule is on, and checks what the caller may do there.

Other accounts may what the bus's policy allows them; the bus's own account may what it does not deny.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from nightbus.aws.errors import AwsError
from nightbus.aws.resource_policy import Values
from nightbus.bus.patterns.matchers import Exact
from nightbus.bus.patterns.rule import Field, Pattern
from nightbus.delivery.rules import rule_arn
from nightbus.services.context import Context
from nightbus.services.events.names import bus_place, find_bus, find_rule, in_scope, no_such_rule
from nightbus.store.interface import Record


class Place(NamedTuple):
    """`ctx` is the call as one of the bus's account and region."""

    ctx: Context
    bus: Record
    rule: Record | None

    def there(self, name: str) -> Record:
        """Raises AwsError ResourceNotFoundException."""
        if self.rule is None:
            raise no_such_rule(name, self.bus.key)
        return self.rule


async def reach(
    ctx: Context,
    action: str,
    name: str,
    event_bus_name: str | None,
    pattern: Pattern | None = None,
    targets: Sequence[dict[str, Any]] = (),
) -> Place:
    """Raises AwsError AccessDeniedException, or ResourceNotFoundException for a bus that is not there."""
    scope, bus = bus_place(ctx, event_bus_name)
    owner = in_scope(ctx, scope)
    rule = await find_rule(owner, name, bus)
    guard = await ctx.platform.router.buses.find(scope, bus)
    if not guard.is_open_to(ctx.caller):
        values = _conditions(rule, pattern, targets)
        refusal = guard.refusal_on_rule(ctx.caller, action, rule_arn(scope, bus, name), values)
        if refusal:
            raise AwsError("AccessDeniedException", refusal)
    return Place(owner, await find_bus(owner, bus), rule)


def _conditions(
    rule: Record | None, pattern: Pattern | None, targets: Iterable[dict[str, Any]]
) -> dict[str, Values]:
    return {
        "events:creatoraccount": rule.value["CreatedBy"] if rule else "",
        "events:source": _asked(pattern, "source"),
        "events:detail-type": _asked(pattern, "detail-type"),
        "events:targetarn": tuple(str(target["Arn"]) for target in targets),
    }


def _asked(pattern: Pattern | None, path: str) -> tuple[str, ...]:
    """The values that a pattern wants there. What is no plain text, or not wanted by every branch, is none that a
    policy can name."""
    branches = pattern.branches if pattern else ()
    fields = [next((field for field in branch if field.path == path), None) for branch in branches]
    if not any(fields):
        return ()
    return tuple(dict.fromkeys(text for field in fields for text in _texts(field)))


def _texts(field: Field | None) -> list[str]:
    if field is None:
        return [""]
    return [one.text if isinstance(one, Exact) else repr(one) for one in field.matchers]
