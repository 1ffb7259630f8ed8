"""Writes the grants of a key as statements of a policy, which the evaluator judges beside the key's own policy. Pure.

A grant's constraints become conditions on the encryption context. Who has CreateGrant by a grant may pass on the
operations of that grant alone, with constraints that are as strict; who may retire a grant is said by the grant, and
`kms:GrantId`, which KMS does not have, says which grant a request is about. The account of the key may delegate
kms:RetireGrant to its users.
https://docs.aws.amazon.com/kms/latest/developerguide/create-grant-overview.html#grant-creategrant
https://docs.aws.amazon.com/kms/latest/developerguide/grant-delete.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy

GRANT_ID = "kms:grantid"
_WITH_CONTEXT = frozenset(
    {
        "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
    }
)  # fmt: skip
_CREATE, _RETIRE = "CreateGrant", "RetireGrant"
# Without variables: a `${...}` in an encryption context is a text.
_VERSION = "2008-10-17"
Conditions = dict[str, dict[str, Any]]


def policy_of_grants(grants: Iterable[tuple[str, Mapping[str, Any]]], owner: str, name: str) -> Policy:
    """Compile the grants of a key, which are their ids and records. `owner` is the ARN of the root of its account."""
    delegating = _allow({"AWS": owner}, [_RETIRE], {})
    statements = [delegating, *(one for grant in grants for one in _statements(*grant))]
    return Policy.compile({"Version": _VERSION, "Statement": statements}, PolicyKind.RESOURCE, name)


def _statements(grant_id: str, grant: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    grantee = _principal(grant, "Grantee")
    operations, constraints = set(grant["Operations"]), grant.get("Constraints") or {}
    of_source = _of_source(constraints)
    of_this = {"StringEquals": {GRANT_ID: grant_id}}
    plain = operations - _WITH_CONTEXT - {_CREATE, _RETIRE}
    if operations & _WITH_CONTEXT:
        yield _allow(grantee, operations & _WITH_CONTEXT, of_source | _of_context(constraints))
    if plain:
        yield _allow(grantee, plain, of_source)
    if _CREATE in operations:
        passed_on = {"ForAllValues:StringEquals": {"kms:GrantOperations": sorted(operations)}}
        yield _allow(
            grantee, {_CREATE}, of_source | _of_context(constraints) | _of_kind(constraints) | passed_on
        )
    if _RETIRE in operations:
        yield _allow(grantee, {_RETIRE}, of_this)
    retiring = _principal(grant, "Retiring")
    if retiring:
        yield _allow(retiring, {_RETIRE}, of_this)


def _principal(grant: Mapping[str, Any], role: str) -> dict[str, str]:
    service = grant.get(f"{role}ServicePrincipal")
    if service:
        return {"Service": service}
    principal = grant.get(f"{role}Principal")
    return {"AWS": principal} if principal else {}


def _allow(principal: Mapping[str, str], operations: Iterable[str], conditions: Conditions) -> dict[str, Any]:
    actions = [f"kms:{operation}" for operation in sorted(operations)]
    return {"Effect": "Allow", "Principal": principal, "Action": actions, "Condition": conditions}


def _of_source(constraints: Mapping[str, Any]) -> Conditions:
    source = constraints.get("SourceArn")
    return {"ArnEquals": {"aws:SourceArn": source}} if source else {}


def _of_context(constraints: Mapping[str, Any]) -> Conditions:
    """Return the conditions on an encryption context, of which the names have no case and the values have."""
    equal: Mapping[str, str] = constraints.get("EncryptionContextEquals") or {}
    subset: Mapping[str, str] = constraints.get("EncryptionContextSubset") or {}
    pairs = [*equal.items(), *subset.items()]
    if not pairs:
        return {}
    texts: dict[str, Any] = {}
    for name, text in pairs:
        known = texts.setdefault(f"kms:EncryptionContext:{name.lower()}", text)
        if known != text:  # both constraints name it, and no context fits both
            return {"Null": {"kms:CallerAccount": "true"}}  # which every request has
    found: Conditions = {"StringEquals": texts}
    if equal:
        found["ForAllValues:StringEqualsIgnoreCase"] = {"kms:EncryptionContextKeys": sorted(equal)}
    return found


def _of_kind(constraints: Mapping[str, Any]) -> Conditions:
    """Return the condition that a grant which is passed on has the constraint of the first, if that is the stricter."""
    equals = "EncryptionContextEquals"
    return (
        {"ForAnyValue:StringEquals": {"kms:GrantConstraintType": equals}} if constraints.get(equals) else {}
    )
