"""Finds the principals of a new policy that do not exist, which AWS refuses when the policy is stored.

Users and roles of the policy's own account are looked for, and those of every other account that has some on this node.
An account without any may be one of AWS: of it nothing is known, and its principals are accepted.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.identity.principals import ROLE, USER
from nightbus.policies.conditions import listed
from nightbus.store.interface import Store

_ENTITY = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):(user|role)/(?:.*/)?([^/]+)")
# Everybody, an account, a session, and CloudFront's origin access identities, which S3 takes.
_NOT_LOOKED_FOR = re.compile(
    r"\*|\d{12}|arn:aws[\w-]*:iam::(\d{12}:root|cloudfront:user/.+)"
    r"|arn:aws[\w-]*:sts::\d{12}:(assumed-role|federated-user)/.+|A[A-Z0-9]{15,}"
)
_IDS = {"AIDA": (USER, "UserId"), "AROA": (ROLE, "RoleId")}
_KINDS = {"user": USER, "role": ROLE}


async def unknown_principal(store: Store, account: str, document: str | Mapping[str, Any]) -> str | None:
    """Return the first principal of the policy of `account` that does not exist, None if there is none.

    `document` is a policy that was checked by its grammar, or its JSON text.
    """
    read = json.loads(document) if isinstance(document, str) else document
    for principal in _principals(read):
        if not await _exists(store, account, principal):
            return principal
    return None


def _principals(document: Mapping[str, Any]) -> Iterator[str]:
    for statement in listed(document.get("Statement")):
        for name in ("Principal", "NotPrincipal"):
            element = statement.get(name) if isinstance(statement, Mapping) else None
            yield from (
                str(one) for one in listed(element.get("AWS") if isinstance(element, Mapping) else None)
            )


async def _exists(store: Store, account: str, principal: str) -> bool:
    if id_of := _IDS.get(principal[:4]):
        return await _has_id(store, *id_of, principal)
    found = _ENTITY.fullmatch(principal)
    if found is None:
        return _NOT_LOOKED_FOR.fullmatch(principal) is not None
    owner, kind, name = found[1], _KINDS[found[2]], found[3]
    record = await store.get(Scope(owner, ""), kind, name.lower())
    if record is not None and record.value["Arn"] == principal:
        return True
    return owner != account and not await _has_entities(store, owner)


async def _has_entities(store: Store, account: str) -> bool:
    return any([await store.count_records(Scope(account, ""), kind) for kind in (USER, ROLE)])


async def _has_id(store: Store, kind: str, member: str, id: str) -> bool:
    for scope in await store.scopes(kind):
        if any(record.value[member] == id for record in await store.list(scope, kind)):
            return True
    return False
