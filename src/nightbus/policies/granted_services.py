"""Says which services a permissions policy grants access to, by the actions that it allows. Pure.

Conditions and resources do not count, as in AWS's service last accessed information; a Deny of a whole service does.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPoliciesGrantingServiceAccess.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nightbus.aws.wildcards import compiled
from nightbus.policies.conditions import listed

Grants = Callable[[str], bool]


def granted_services(text: str) -> Grants:
    """Return whether the policy, a JSON text, allows an action of a service, by the service's prefix (`events`)."""
    statements = [one for one in listed(json.loads(text).get("Statement")) if isinstance(one, Mapping)]
    allowing = [_names(one) for one in statements if one.get("Effect") == "Allow"]
    denying = [_names_all(one) for one in statements if _denies_everything(one)]

    def grants(service: str) -> bool:
        return any(one(service) for one in allowing) and not any(one(service) for one in denying)

    return grants


def _names(statement: Mapping[str, Any]) -> Grants:
    if "NotAction" in statement:
        spared = _names_all({"Action": statement["NotAction"]})
        return lambda service: not spared(service)
    return _any_of(action.partition(":")[0] for action in _actions(statement))


def _names_all(statement: Mapping[str, Any]) -> Grants:
    """Return whether the statement names all actions of a service."""
    whole = [action for action in _actions(statement) if action == "*" or action.endswith(":*")]
    return _any_of(action.partition(":")[0] for action in whole)


def _actions(statement: Mapping[str, Any]) -> list[str]:
    return [str(one).lower() for one in listed(statement.get("Action"))]


def _denies_everything(statement: Mapping[str, Any]) -> bool:
    every_resource = list(listed(statement.get("Resource"))) == ["*"]
    return statement.get("Effect") == "Deny" and "Condition" not in statement and every_resource


def _any_of(patterns: Iterable[str]) -> Grants:
    matches = [compiled(pattern) for pattern in patterns]
    return lambda service: any(one(service) for one in matches)
