"""Does a role's trust policy let this caller assume it?

Principals, actions and the external id are looked at; other conditions come with the identity issue, and until then
do not keep anyone out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nightbus.aws.calls import Caller
from nightbus.aws.wildcards import like

_ACTION = "sts:assumerole"
_EXTERNAL_ID = "sts:externalid"
_ID_OPERATORS = ("StringEquals", "StringEqualsIgnoreCase", "StringLike")


def trusts(document: Mapping[str, Any], caller: Caller, external_id: str | None) -> bool:
    """A statement that denies wins over every one that allows."""
    statements = document.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    effects = {one["Effect"] for one in listed if _applies(one, caller, external_id)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], caller: Caller, external_id: str | None) -> bool:
    return (
        _names_action(statement)
        and _names_caller(statement, caller)
        and _external_id_holds(statement.get("Condition", {}), external_id)
    )


def _names_action(statement: Mapping[str, Any]) -> bool:
    if "NotAction" in statement:
        return not _matches_action(statement["NotAction"])
    return _matches_action(statement.get("Action", []))


def _matches_action(patterns: Any) -> bool:
    return any(like(str(pattern).lower(), _ACTION) for pattern in _listed(patterns))


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
    """All by which a trust policy may mean this caller: an account stands for everyone in it."""
    partition = caller.arn.split(":")[1] if caller.arn else "aws"
    names = {"*", caller.account, f"arn:{partition}:iam::{caller.account}:root", caller.arn}
    if ":assumed-role/" in caller.arn:
        role = caller.arn.split("/")[1]
        names.add(f"arn:{partition}:iam::{caller.account}:role/{role}")
    return names


def _external_id_holds(condition: Mapping[str, Any], external_id: str | None) -> bool:
    """Every condition on it must hold; the names of keys have no case."""
    wanted = [
        (operator, _listed(values))
        for operator in _ID_OPERATORS
        for key, values in condition.get(operator, {}).items()
        if key.lower() == _EXTERNAL_ID
    ]
    return all(
        external_id is not None and any(_is_id(operator, str(one), external_id) for one in values)
        for operator, values in wanted
    )


def _is_id(operator: str, wanted: str, given: str) -> bool:
    if operator == "StringEquals":
        return wanted == given
    if operator == "StringEqualsIgnoreCase":
        return wanted.lower() == given.lower()
    return like(wanted, given)


def _listed(value: Any) -> Iterable[Any]:
    return value if isinstance(value, list) else [value]
