"""Checks the KMS keys of buses, archives and connections. What they keep is not encrypted by them."""

from __future__ import annotations

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.bus.envelope import Problem
from nightbus.delivery.buses import SERVICE, Bus
from nightbus.keys.uses import (
    ACCESS_DENIED,
    DISABLED,
    INVALID_STATE,
    INVALID_USAGE,
    NOT_FOUND,
    KeyUser,
    data_key_source,
    require_key,
)
from nightbus.services.context import Context
from nightbus.services.key_uses import require_use

_USED = ("kms:DescribeKey", "kms:GenerateDataKey", "kms:Decrypt")
_INVALID = "ValidationException"
_ERRORS = {
    NOT_FOUND: "ResourceNotFoundException",
    DISABLED: _INVALID,
    INVALID_STATE: _INVALID,
    INVALID_USAGE: _INVALID,
    ACCESS_DENIED: _INVALID,
}


async def check_key(ctx: Context, identifier: str | None, resource: str, kind: str = "event-bus") -> None:
    """Raise AwsError for a key that EventBridge cannot use now for the bus or the archive with the ARN `resource`.

    None and "" stand for the key that AWS owns.
    """
    if identifier:
        user = _eventbridge(ctx.account, resource, kind)
        await require_key(ctx.platform.keys, ctx.scope, identifier, _ERRORS, user)


async def check_key_of_connection(ctx: Context, identifier: str | None) -> None:
    """Raise AwsError for a key that the caller may not use by Secrets Manager, which keeps the connection's secret.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-connections-cmkey.html
    """
    if identifier:
        user = KeyUser(ctx.caller, "secretsmanager", _USED)
        await require_use(ctx, ctx.scope, identifier, _ERRORS, user)


def _eventbridge(account: str, resource: str, kind: str) -> KeyUser:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-encryption-key-policy.html"""
    service = Caller.for_service(account, SERVICE, resource)
    return KeyUser(service, "events", _USED, {f"aws:events:{kind}:arn": resource})


async def problem_with_key(ctx: Context, bus: Bus) -> Problem | None:
    """Return the reason why the bus takes no event now: EventBridge cannot use its key."""
    try:
        user = _eventbridge(bus.scope.account, bus.arn, "event-bus")
        await data_key_source(ctx.platform.keys, bus.scope, bus.key, user)
    except AwsError as error:
        return Problem("AccessDeniedException", error.message)
    return None
