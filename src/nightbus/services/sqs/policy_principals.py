"""Refuses the policy of a queue with a user or role that does not exist."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.services.context import Context
from nightbus.services.known_principals import unknown_principal
from nightbus.services.sqs.errors import invalid_attribute


async def check_principals(ctx: Context, scope: Scope, policy: str | None) -> None:
    """Raise AwsError InvalidAttributeValue. `policy` was checked by its grammar; it is None or "" without one."""
    if policy and await unknown_principal(ctx.store, scope.account, policy) is not None:
        raise invalid_attribute("Policy")
