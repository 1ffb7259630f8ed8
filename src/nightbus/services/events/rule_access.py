"""Finds a rule on its bus, and checks what the caller may do with it.

Other accounts may do what the bus's policy allows; the bus's own account may do what the policy does not deny.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from nightbus.aws.errors import AwsError
from nightbus.bus.patterns.rule import Pattern
from nightbus.delivery.rules import rule_arn
from nightbus.policies.request import NO_KEYS, Values
from nightbus.services.context import Context
from nightbus.services.events.names import find_bus, find_rule, in_scope, no_such_rule, scope_and_bus
from nightbus.services.events.rule_conditions import exact_values
from nightbus.store.interface import Record


class RuleOnBus(NamedTuple):
    """A bus, and a rule on it or None. `ctx` is the call in the bus's account and region."""

    ctx: Context
    bus: Record
    rule: Record | None

    def existing(self, name: str) -> Record:
        """Return the rule. Raises AwsError ResourceNotFoundException if there is none."""
        if self.rule is None:
            raise no_such_rule(name, self.bus.key)
        return self.rule


async def find_rule_on_bus(
    ctx: Context,
    action: str,
    name: str,
    event_bus_name: str | None,
    pattern: Pattern | None = None,
    targets: Sequence[dict[str, Any]] = (),
) -> RuleOnBus:
    """Return the rule on its bus, after checking the bus's policy.

    `pattern` and `targets` are those of the request, for the policy's condition keys. Raises AwsError
    AccessDeniedException, or ResourceNotFoundException if the bus does not exist.
    """
    scope, bus = scope_and_bus(ctx, event_bus_name)
    owner = in_scope(ctx, scope)
    rule = await find_rule(owner, name, bus)
    guard = await ctx.platform.router.buses.find(scope, bus)
    if not guard.is_open_to(ctx.caller):
        on_rule = rule_arn(scope, bus, name)
        keys = ctx.policy_keys(guard.policy, f"events:{action}", on_rule) or NO_KEYS
        values = {**keys, **_conditions(rule, pattern, targets)}
        refusal = guard.refusal_on_rule(ctx.caller, action, on_rule, values)
        if refusal and ctx.enforces:
            raise AwsError("AccessDeniedException", refusal)
    return RuleOnBus(owner, await find_bus(owner, bus), rule)


def _conditions(
    rule: Record | None, pattern: Pattern | None, targets: Iterable[dict[str, Any]]
) -> dict[str, Values]:
    return {
        "events:creatoraccount": rule.value["CreatedBy"] if rule else "",
        "events:source": exact_values(pattern, "source"),
        "events:detail-type": exact_values(pattern, "detail-type"),
        "events:targetarn": tuple(str(target["Arn"]) for target in targets),
    }
