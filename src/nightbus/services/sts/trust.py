"""Decides whether a role's trust policy lets a caller assume the role. Pure.

A statement applies if it names the action, the principal and, where it has a condition on it, the external id. Other
conditions are not evaluated yet and count as met, in denials as well. Evaluation is AWS's: without an applicable
statement the answer is no, a denial wins over any number of allowing statements, and the order does not matter. That
is why the decision is the set of the applicable effects: it must be exactly `{"Allow"}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.aws.wildcards import like

ASSUME = "sts:AssumeRole"
_EXTERNAL_ID = "sts:externalid"
_ID_OPERATORS = ("StringEquals", "StringEqualsIgnoreCase", "StringLike")


def trusts(
    document: Mapping[str, Any], caller: Caller, external_id: str | None, action: str = ASSUME
) -> bool:
    """Return whether the caller may do the action on the role: a statement allows it, and none denies it.

    `external_id` is the call's ExternalId, None without one.
    """
    statements = document.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    effects = {one["Effect"] for one in listed if _applies(one, caller, external_id, action)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], caller: Caller, external_id: str | None, action: str) -> bool:
    return (
        _names_action(statement, action.lower())
        and _names_caller(statement, caller)
        and _external_id_holds(statement.get("Condition", {}), external_id)
    )


def _names_action(statement: Mapping[str, Any], action: str) -> bool:
    if "NotAction" in statement:
        return not _matches_action(statement["NotAction"], action)
    return _matches_action(statement.get("Action", []), action)


def _matches_action(patterns: Any, action: str) -> bool:
    return any(like(str(pattern).lower(), action) for pattern in _listed(patterns))


def _names_caller(statement: Mapping[str, Any], caller: Caller) -> bool:
    if "NotPrincipal" in statement:
        return not _is_among(statement["NotPrincipal"], caller)
    return _is_among(statement.get("Principal", {}), caller)


def _is_among(principal: Any, caller: Caller) -> bool:
    if principal == "*":
        return True
    if caller.service:
        return caller.service in _listed(principal.get("Service", []))
    return bool(_names_of(caller) & set(_listed(principal.get("AWS", []))))


def _names_of(caller: Caller) -> set[str]:
    """Return all principals by which a policy may name the caller: its ARN, its role, its account, everyone."""
    partition = caller.arn.split(":")[1] if caller.arn else "aws"
    names = {"*", caller.account, f"arn:{partition}:iam::{caller.account}:root", caller.arn}
    if ":assumed-role/" in caller.arn:
        role = caller.arn.split("/")[1]
        names.add(f"arn:{partition}:iam::{caller.account}:role/{role}")
    return names


def _external_id_holds(condition: Mapping[str, Any], external_id: str | None) -> bool:
    """Return whether every condition on the external id holds. The names of condition keys ignore case."""
    conditions = [
        (operator, _listed(values))
        for operator in _ID_OPERATORS
        for key, values in condition.get(operator, {}).items()
        if key.lower() == _EXTERNAL_ID
    ]
    return all(
        external_id is not None and any(_is_id(operator, str(one), external_id) for one in values)
        for operator, values in conditions
    )


def _is_id(operator: str, expected: str, external_id: str) -> bool:
    if operator == "StringEquals":
        return expected == external_id
    if operator == "StringEqualsIgnoreCase":
        return expected.lower() == external_id.lower()
    return like(expected, external_id)


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]
