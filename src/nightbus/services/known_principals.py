"""Finds the users and roles that a new policy names: those that do not exist, which AWS refuses when the policy is
stored, and those that do, whose deletion must not come between.

The deletion of a principal replaces it in all stored policies (`iam/stored_principals.py`). It reads these first, and
its commit expects the principal's record as it was before. So whoever stores a policy writes the records of its
principals again, as they are, in the same commit: of a put and a deletion (or a renaming) at the same time one is a
Conflict and begins anew. No stored policy can name a principal that is gone, nor the next one of that name.

The reading takes longer than a put, so that many puts could keep a principal alive. Hence a deletion first marks the
principal's record, and one with a mark is taken for deleted. The mark of a deletion that did not end, because the node
was killed, lapses.

Users and roles of the policy's own account are looked for, and those of every other account that has some on this node.
An account without any may be one of AWS: of it nothing is known, and its principals are accepted.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from nightbus.aws.calls import Scope
from nightbus.identity.principals import ROLE, USER
from nightbus.policies.conditions import listed
from nightbus.services.context import Context
from nightbus.store.interface import PutRecord, Record, Store

_ENTITY = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):(user|role)/(?:.*/)?([^/]+)")
# Everybody, an account, a session, and CloudFront's origin access identities, which S3 takes.
_NOT_LOOKED_FOR = re.compile(
    r"\*|\d{12}|arn:aws[\w-]*:iam::(\d{12}:root|cloudfront:user/.+)"
    r"|arn:aws[\w-]*:sts::\d{12}:(assumed-role|federated-user)/.+|A[A-Z0-9]{15,}"
)
_IDS = {"AIDA": (USER, "UserId"), "AROA": (ROLE, "RoleId")}
_MARK, _MARK_MS = "Deleting", 10_000
_KINDS = {"user": USER, "role": ROLE}


@dataclass(frozen=True, slots=True)
class NamedPrincipals:
    """`unknown` is the first principal that does not exist, None if there is none. `changes` belong into the commit
    that stores the policy: they are a Conflict with the deletion of a principal that exists now."""

    unknown: str | None
    changes: tuple[PutRecord, ...]


async def named_principals(
    ctx: Context, account: str, document: str | Mapping[str, Any] | None
) -> NamedPrincipals:
    """Look for the principals of a policy of `account`.

    `document` is a policy that was checked by its grammar, or its JSON text; None or "" names nobody.
    """
    read = json.loads(document) if isinstance(document, str) and document else document or {}
    return await existing_principals(ctx, account, _principals(read))


async def existing_principals(ctx: Context, account: str, principals: Iterable[str]) -> NamedPrincipals:
    """The same for principals that are named one by one, as a grant does."""
    unknown = None
    changes: dict[tuple[Scope, str, str], PutRecord] = {}
    for principal in principals:
        found = await _found(ctx, account, principal)
        if found is None:
            unknown = unknown or principal
        elif isinstance(found, PutRecord):
            changes[found.scope, found.kind, found.key] = found
    return NamedPrincipals(unknown, tuple(changes.values()))


def _principals(document: Mapping[str, Any]) -> Iterator[str]:
    for statement in listed(document.get("Statement")):
        for name in ("Principal", "NotPrincipal"):
            element = statement.get(name) if isinstance(statement, Mapping) else None
            yield from (
                str(one) for one in listed(element.get("AWS") if isinstance(element, Mapping) else None)
            )


async def _found(ctx: Context, account: str, principal: str) -> PutRecord | Literal[True] | None:
    """Return what writes the principal's record again, True for one that has none here, None for an unknown one."""
    if id_of := _IDS.get(principal[:4]):
        return (
            await _has_id(ctx.store, *id_of, principal) or None
        )  # an id stays right when its principal is deleted
    found = _ENTITY.fullmatch(principal)
    if found is None:
        return _NOT_LOOKED_FOR.fullmatch(principal) is not None or None
    scope, kind, key = Scope(found[1], ""), _KINDS[found[2]], found[3].lower()
    record: Record | None = await ctx.store.get(scope, kind, key)
    if record is not None and record.value["Arn"] == principal and not _is_marked(record, ctx.now_ms()):
        return PutRecord(scope, kind, key, record.value, record.revision)
    return (scope.account != account and not await _has_entities(ctx.store, scope.account)) or None


def deletion_mark(record: Record, now_ms: int) -> dict[str, Any]:
    """Return the value of a user's or role's record with the mark that it is being deleted."""
    return {**record.value, _MARK: now_ms}


def _is_marked(record: Record, now_ms: int) -> bool:
    return now_ms - int(record.value.get(_MARK, -_MARK_MS)) < _MARK_MS


async def _has_entities(store: Store, account: str) -> bool:
    return any([await store.count_records(Scope(account, ""), kind) for kind in (USER, ROLE)])


async def _has_id(store: Store, kind: str, member: str, id: str) -> bool:
    for scope in await store.scopes(kind):
        if any(record.value[member] == id for record in await store.list(scope, kind)):
            return True
    return False
