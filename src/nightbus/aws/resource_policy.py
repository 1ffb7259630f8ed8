"""May this service use this function, queue or topic, by the resource's own policy? Pure: yes or no.

A condition that is not known here is not met: a policy is never read as wider than it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Statement = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """An AWS service (`principal`) that acts for `source_arn` of `source_account`; `resource` is the ARN."""

    principal: str
    action: str
    resource: str
    source_arn: str = ""
    source_account: str = ""


def is_allowed(statements: Sequence[Statement], request: Request) -> bool:
    applying = [statement for statement in statements if _applies(statement, request)]
    return bool(applying) and all(statement.get("Effect") == "Allow" for statement in applying)


def statements_of(document: str | None) -> list[Statement]:
    """Of a policy's JSON text; none where there is no policy."""
    if not document:
        return []
    found = json.loads(document).get("Statement") or []
    return list(_listed(found))


def _applies(statement: Statement, request: Request) -> bool:
    return (
        _names(statement.get("Principal"), request.principal)
        and any(like(str(one).lower(), request.action.lower()) for one in _listed(statement.get("Action")))
        and any(like(str(one), request.resource) for one in _listed(statement.get("Resource")))
        and _conditions_hold(statement.get("Condition") or {}, request)
    )


def _names(principal: Any, service: str) -> bool:
    if isinstance(principal, Mapping):
        return service in _listed(principal.get("Service")) or "*" in _listed(principal.get("AWS"))
    return bool(principal == "*")


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], request: Request) -> bool:
    values = {"aws:sourcearn": request.source_arn, "aws:sourceaccount": request.source_account}
    for operator, keys in conditions.items():
        compare = _OPERATORS.get(operator.lower())
        if compare is None:
            return False
        for key, wanted in keys.items():
            value = values.get(key.lower(), "")
            if not value or not any(compare(str(one), value) for one in _listed(wanted)):
                return False
    return True


def like(pattern: str, text: str) -> bool:
    """`*` stands for any text, `?` for any one character."""
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), text, re.DOTALL) is not None


def arn_like(pattern: str, text: str) -> bool:
    """Part by part of the ARN, so that a wildcard does not reach over a colon."""
    wanted, given = pattern.split(":", 5), text.split(":", 5)
    return len(wanted) == len(given) and all(map(like, wanted, given))


def _equal(pattern: str, text: str) -> bool:
    return pattern == text


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "arnlike": arn_like,
    "arnequals": arn_like,
    "stringequals": _equal,
    "stringlike": like,
}


def _listed(value: Any) -> Iterable[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
