"""Asks whether the caller of an operation may use the key that a setting of another service names.

As on AWS the service uses the key in the caller's name: the Authorizer asks the caller's own policies and the key's. An
AWS service has no policies of its own, so `nightbus.keys.uses` asks the key's policy alone.
https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-via-service
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.calls import Scope
from nightbus.keys.access import RESOURCE_ALIASES, keys_of_use
from nightbus.keys.directory import Key
from nightbus.keys.errors import access_denied
from nightbus.keys.uses import KeyUser, data_key_source, require_key, with_codes
from nightbus.policies.request import Need
from nightbus.services.context import Context


async def require_use(
    ctx: Context, home: Scope, identifier: str, codes: Mapping[str, str], user: KeyUser
) -> Key:
    """Return the key. Raises AwsError with the service's own `codes` for KMS's where it cannot be used, or not by the
    caller. `home` is where an id or an alias is looked for."""
    with with_codes(codes):
        asked = await authorized(ctx, home, identifier, user)
    return await require_key(ctx.platform.keys, home, identifier, codes, asked)


async def use(ctx: Context, home: Scope, identifier: str, user: KeyUser) -> Key:
    """Do the same with KMS's own codes."""
    asked = await authorized(ctx, home, identifier, user)
    return await data_key_source(ctx.platform.keys, home, identifier, asked)


async def authorized(ctx: Context, home: Scope, identifier: str, user: KeyUser) -> KeyUser | None:
    """Return whom the key's policy has still to allow the use, None for nobody.

    Raises AwsError, with KMS's codes, unless the caller's own policies and the key's allow the user's actions.
    """
    authorizer, caller = ctx.platform.authorizer, ctx.caller
    if ctx.call.trusted:
        return None
    if caller.is_anonymous:  # KMS takes no request without a signature, whatever a key's policy says
        raise access_denied(f"User: anonymous is not authorized to perform: {user.actions[0]}")
    if authorizer is None or not caller.arn:
        return user
    key = await ctx.platform.keys.find(home, identifier)
    aliases = await ctx.platform.keys.aliases(key)
    keys = {**keys_of_use(caller, key, user.context, user.via), RESOURCE_ALIASES: aliases}
    call = ctx.call.through(user.via)
    for action in user.actions:
        await authorizer.authorize(action, [Need(action, key.arn, keys)], call)
    return None  # also in audit mode, in which nobody is refused
