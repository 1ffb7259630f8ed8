"""Checks the KMS keys of buses, archives and connections. What they keep is not encrypted by them."""

from __future__ import annotations

from nightbus.aws.errors import AwsError
from nightbus.bus.envelope import Problem
from nightbus.delivery.buses import Bus
from nightbus.keys.uses import (
    ACCESS_DENIED,
    DISABLED,
    INVALID_STATE,
    INVALID_USAGE,
    NOT_FOUND,
    data_key_source,
    require_key,
)
from nightbus.services.context import Context

_INVALID = "ValidationException"
_ERRORS = {
    NOT_FOUND: "ResourceNotFoundException",
    DISABLED: _INVALID,
    INVALID_STATE: _INVALID,
    INVALID_USAGE: _INVALID,
    ACCESS_DENIED: _INVALID,
}


async def check_key(ctx: Context, identifier: str | None) -> None:
    """Raise AwsError for a key that cannot be used now. None and "" stand for the key that AWS owns."""
    if identifier:
        await require_key(ctx.platform.keys, ctx.scope, identifier, _ERRORS)


async def problem_with_key(ctx: Context, bus: Bus) -> Problem | None:
    """Return the reason why the bus takes no event now: its key cannot be used."""
    try:
        await data_key_source(ctx.platform.keys, bus.scope, bus.key)
    except AwsError as error:
        return Problem("AccessDeniedException", error.message)
    return None
