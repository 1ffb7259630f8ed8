"""Keeps the principals of stored policies right: refuses those that do not exist, and replaces those that are deleted
or renamed (`nightbus.policies.renamed_principals`)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from nightbus.identity.principals import ROLE
from nightbus.policies.grammar import malformed_document
from nightbus.services.context import Context
from nightbus.services.known_principals import unknown_principal
from nightbus.store.interface import Change, Conflict, PutRecord, Record

_PASSES = (
    3  # a request that has checked its policy commits it within some milliseconds, so during the first ones
)


async def renamed_principal(
    ctx: Context, principal: str, new: str, *, but: Record | None = None
) -> Sequence[Change]:
    """Return the changes that put `new` for the principal into all policies but that of the role's record `but`."""
    authorizer = ctx.platform.authorizer
    if authorizer is None:
        return ()
    own = None if but is None else (ctx.global_scope, ROLE, but.key)
    changes = await authorizer.resources.renamed(principal, new)
    return [one for one in changes if not isinstance(one, PutRecord) or (one.scope, one.kind, one.key) != own]


async def replace_late(ctx: Context, kind: str, key: str, principal: str, new: str) -> None:
    """Put `new` for a principal that is deleted by now into policies that were stored meanwhile.

    A policy whose principal was there when it was checked may be committed after the policies were read for the
    deletion. Nothing is done once `kind` has a record of the name again, whom new policies mean.
    """
    for _ in range(_PASSES):
        if await ctx.store.get(ctx.global_scope, kind, key) is not None:
            return
        if changes := await renamed_principal(ctx, principal, new):
            with contextlib.suppress(Conflict):  # the next pass reads what it is now
                await ctx.store.commit(*changes)


async def check_principals(ctx: Context, document: str) -> None:
    """Raise AwsError MalformedPolicyDocument for a trust policy with a user or role that does not exist."""
    unknown = await unknown_principal(ctx.store, ctx.account, document)
    if unknown is not None:
        raise malformed_document(f'Invalid principal in policy: "AWS":"{unknown}"')
