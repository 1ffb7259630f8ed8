"""Refuses the policy of a queue with a user or role that does not exist."""

from __future__ import annotations

from nightbus.aws.calls import Scope
from nightbus.services.context import Context
from nightbus.services.known_principals import named_principals
from nightbus.services.sqs.errors import invalid_attribute
from nightbus.store.interface import PutRecord


async def check_principals(ctx: Context, scope: Scope, policy: str | None) -> tuple[PutRecord, ...]:
    """Return what belongs into the commit that stores the policy (`nightbus.services.known_principals`).

    `policy` was checked by its grammar; it is None or "" without one. Raises AwsError InvalidAttributeValue.
    """
    named = await named_principals(ctx, scope.account, policy)
    if named.unknown is not None:
        raise invalid_attribute("Policy")
    return named.changes
