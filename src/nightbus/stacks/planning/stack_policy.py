"""Judges updates of resources by a stack's policy. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/protect-stack-resources.html
Without a policy all updates are allowed; with one, those that a statement allows and none denies.
"""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError

MODIFY, REPLACE, DELETE = "Update:Modify", "Update:Replace", "Update:Delete"
LONGEST = 16_384
_ACTIONS = ("Update:*", MODIFY, REPLACE, DELETE)
_RESOURCES = "LogicalResourceId/"


def check_policy(text: str) -> None:
    """Raise AwsError for what is not a stack policy."""
    try:
        policy = json.loads(text)
    except (ValueError, RecursionError):
        raise _invalid("Invalid stack policy") from None
    statements = policy.get("Statement") if isinstance(policy, dict) else None
    if not isinstance(statements, list | dict) or not statements:
        raise _invalid("Invalid stack policy")
    for statement in _statements(policy):
        if not isinstance(statement, dict) or statement.get("Effect") not in ("Allow", "Deny"):
            raise _invalid("Invalid stack policy")
        principal = statement.get("Principal")
        if principal not in ("*", {"AWS": "*"}):
            raise _invalid("Invalid stack policy: Principal must be *")
        actions = _texts(statement.get("Action") or statement.get("NotAction"))
        if not actions or not all(action == "*" or action in _ACTIONS for action in actions):
            raise _invalid("Invalid stack policy: unknown Action")
        resources = _texts(statement.get("Resource") or statement.get("NotResource"))
        if not resources or not all(one == "*" or one.startswith(_RESOURCES) for one in resources):
            raise _invalid("Invalid stack policy: unknown Resource")


def denial(policy: str, action: str, logical_id: str, type_name: str) -> str | None:
    """Return the reason why the policy denies the action on the resource, or None if it allows the action."""
    if not policy:
        return None
    allowed = False
    for number, statement in enumerate(_statements(json.loads(policy)), 1):
        if not _applies(statement, action, logical_id, type_name):
            continue
        if statement["Effect"] == "Deny":
            return (
                f"Action denied by stack policy: Statement [#{number}] does not allow [{_shown(statement)}] for "
                f"resource [{_shown_resource(statement)}]"
            )
        allowed = True
    return (
        None if allowed else f"Action denied by stack policy: no statement allows [{action}] for {logical_id}"
    )


def _statements(policy: Mapping[str, Any]) -> list[dict[str, Any]]:
    statements = policy["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _applies(statement: Mapping[str, Any], action: str, logical_id: str, type_name: str) -> bool:
    name = _RESOURCES + logical_id
    by_action = _selected(statement, "Action", "NotAction", action)
    by_resource = _selected(statement, "Resource", "NotResource", name)
    return by_action and by_resource and _condition_holds(statement.get("Condition") or {}, type_name)


def _selected(statement: Mapping[str, Any], positive: str, negative: str, value: str) -> bool:
    if positive in statement:
        return any(fnmatch.fnmatchcase(value, one) for one in _texts(statement[positive]))
    return not any(fnmatch.fnmatchcase(value, one) for one in _texts(statement.get(negative)))


def _condition_holds(condition: Mapping[str, Any], type_name: str) -> bool:
    for operator, keys in condition.items():
        patterns = _texts((keys or {}).get("ResourceType"))
        if operator == "StringEquals" and type_name not in patterns:
            return False
        if operator == "StringLike" and not any(fnmatch.fnmatchcase(type_name, one) for one in patterns):
            return False
        if operator == "StringNotEquals" and type_name in patterns:
            return False
    return True


def _texts(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value or ()]


def _shown(statement: Mapping[str, Any]) -> str:
    return ", ".join(_texts(statement.get("Action") or statement.get("NotAction")))


def _shown_resource(statement: Mapping[str, Any]) -> str:
    return ", ".join(_texts(statement.get("Resource") or statement.get("NotResource")))


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationError", f"Error validating stack policy: {message}")
