"""Keeps the principals of stored policies right: refuses those that do not exist, and replaces those that are deleted
or renamed (`nightbus.policies.renamed_principals`)."""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.identity.principals import ROLE
from nightbus.policies.grammar import malformed_document
from nightbus.services.context import Context
from nightbus.services.known_principals import deletion_mark, named_principals
from nightbus.store.interface import Change, PutRecord, Record


async def renamed_principal(
    ctx: Context, principal: str, new: str, *, but: Record | None = None
) -> Sequence[Change]:
    """Return the changes that put `new` for the principal into all policies but that of the role's record `but`.

    Their commit must expect the principal's record as it was read before: see `nightbus.services.known_principals`.
    """
    authorizer = ctx.platform.authorizer
    if authorizer is None:
        return ()
    own = None if but is None else (ctx.global_scope, ROLE, but.key)
    changes = await authorizer.resources.renamed(principal, new)
    return [one for one in changes if not isinstance(one, PutRecord) or (one.scope, one.kind, one.key) != own]


async def mark_deletion(ctx: Context, kind: str, record: Record) -> Record:
    """Mark the record of a principal that is being deleted (`nightbus.services.known_principals`), and return it."""
    value = deletion_mark(record, ctx.now_ms())
    await ctx.store.commit(PutRecord(ctx.global_scope, kind, record.key, value, record.revision))
    return Record(record.key, value, record.revision + 1)


async def check_principals(ctx: Context, document: str) -> tuple[PutRecord, ...]:
    """Return what belongs into the commit that stores the trust policy (`nightbus.services.known_principals`).

    Raises AwsError MalformedPolicyDocument for a user or role that does not exist.
    """
    named = await named_principals(ctx, ctx.account, document)
    if named.unknown is not None:
        raise malformed_document(f'Invalid principal in policy: "AWS":"{named.unknown}"')
    return named.changes
