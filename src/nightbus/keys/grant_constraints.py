"""Decides whether a grant lets a caller do an operation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.policies.callers import names_caller

_WITH_CONTEXT = frozenset(
    {
        "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext",
        "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo",
    }
)  # fmt: skip


def allows(grant: Mapping[str, Any], caller: Caller, operation: str, context: Mapping[str, str]) -> bool:
    if operation not in grant["Operations"] or not is_principal(
        grant.get("GranteePrincipal") or grant.get("GranteeServicePrincipal"), caller
    ):
        return False
    return operation not in _WITH_CONTEXT or fits(grant.get("Constraints") or {}, context)


def fits(constraints: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Return whether the encryption context of a request is one that the constraints allow."""
    equal = constraints.get("EncryptionContextEquals")
    subset = constraints.get("EncryptionContextSubset") or {}
    return (not equal or dict(context) == equal) and subset.items() <= context.items()


def is_principal(principal: str | None, caller: Caller) -> bool:
    """Return whether the caller is the principal: a user, a role (or a session of it), an account, or a service."""
    return bool(principal) and names_caller(str(principal), caller)
