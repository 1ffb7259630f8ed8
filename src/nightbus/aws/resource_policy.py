"""Evaluates the policy of a resource: whether a service or an account may use a function, queue, topic or bus. Pure.

How `refusal` decides:

| a Deny applies | an Allow applies | the caller is of the owner's account | decision |
|----------------|------------------|--------------------------------------|----------|
| yes            | any              | any                                  | refused  |
| no             | yes              | any                                  | allowed  |
| no             | no               | yes                                  | allowed  |
| no             | no               | no                                   | refused  |

A statement applies if its principal, action and resource name the request and its conditions hold. A condition that
cannot be evaluated (an unknown operator or key) counts as not met in an Allow and as met in a Deny, so that a policy
never grants more here than it would on AWS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.wildcards import like

Statement = Mapping[str, Any]
Values = str | tuple[str, ...]
_NO_VALUES: Mapping[str, Values] = {}
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class PolicyRequest:
    """A request: of an AWS service (`principal`) for `source_arn` of `source_account`, of `arn` of `account`, or both.

    `resource` is the resource's ARN. `values` has further condition keys in lower case: "" stands for a known key that
    the request does not have, a tuple for a key with several values.
    """

    principal: str
    action: str
    resource: str
    source_arn: str = ""
    source_account: str = ""
    account: str = ""
    arn: str = ""
    values: Mapping[str, Values] = field(default_factory=lambda: _NO_VALUES)


def refusal(statements: Sequence[Statement], request: PolicyRequest, owner: str) -> str:
    """Return AWS's text of the refusal, "" if the request is allowed. `owner` is the account of the resource."""
    if is_denied(statements, request):
        return _refused(request, "with an explicit deny in a resource-based policy")
    if request.account == owner or is_allowed(statements, request):
        return ""
    return not_allowed(request)


def not_allowed(request: PolicyRequest) -> str:
    """Return AWS's text for a request that no statement allows."""
    return _refused(request, f"because no resource-based policy allows the {request.action} action")


def _refused(request: PolicyRequest, reason: str) -> str:
    principal = request.arn or request.principal
    return f"User: {principal} is not authorized to perform: {request.action} on resource: {request.resource} {reason}"


def is_allowed(statements: Sequence[Statement], request: PolicyRequest) -> bool:
    applying = [statement for statement in statements if _applies(statement, request)]
    return bool(applying) and all(statement.get("Effect") == "Allow" for statement in applying)


def is_denied(statements: Sequence[Statement], request: PolicyRequest) -> bool:
    """Return whether a statement denies the request."""
    return any(one.get("Effect") != "Allow" and _applies(one, request) for one in statements)


def statements_of(document: str | None) -> list[Statement]:
    """Return the statements of a policy's JSON text, none for no policy. What is not an object is skipped."""
    if not document:
        return []
    statements = json.loads(document).get("Statement") or []
    return [one for one in _listed(statements) if isinstance(one, Mapping)]


def is_readable(document: Mapping[str, Any]) -> bool:
    """Return whether every element has the form that a policy requires, so that any request can be evaluated."""
    statements = list(_listed(document.get("Statement")))
    return all(isinstance(one, Mapping) for one in statements) and all(
        isinstance(conditions, Mapping) and all(isinstance(keys, Mapping) for keys in conditions.values())
        for conditions in (one.get("Condition") or {} for one in statements)
    )


def _applies(statement: Statement, request: PolicyRequest) -> bool:
    def named(element: str, fits: Callable[[Any], bool]) -> bool:
        """Return whether the element matches, or its opposite (`NotAction`) does not."""
        if f"Not{element}" in statement:
            return not fits(statement[f"Not{element}"])
        return fits(statement.get(element))

    return (
        named("Principal", lambda values: _names(values, request))
        and named("Action", lambda values: _any_like(values, request.action, str.lower))
        and named("Resource", lambda values: _any_like(values, request.resource, str))
        and _conditions_hold(
            statement.get("Condition") or {}, request, unknown=statement.get("Effect") != "Allow"
        )
    )


def _any_like(patterns: Any, text: str, change: Callable[[str], str]) -> bool:
    return any(like(change(str(one)), change(text)) for one in _listed(patterns))


def _names(principal: Any, request: PolicyRequest) -> bool:
    if isinstance(principal, Mapping):
        return request.principal in _listed(principal.get("Service")) or any(
            _is_caller(str(one), request) for one in _listed(principal.get("AWS"))
        )
    return bool(principal == "*")


def _is_caller(principal: str, request: PolicyRequest) -> bool:
    """Return whether the principal (`*`, an account, its root, a user, a role) names the caller. A role names its
    sessions too."""
    if principal == "*":
        return True
    if not request.account:
        return False
    if principal == request.account or re.fullmatch(rf"arn:[\w-]+:iam::{request.account}:root", principal):
        return True
    return principal == request.arn or _role_of(request.arn) == _role_of(principal) != ""


def _role_of(arn: str) -> str:
    """Return `account/name` of the role in `role/path/name` or `assumed-role/name/session`; "" for another ARN."""
    match = re.fullmatch(r"arn:[\w-]+:iam::(\d+):role/(?:.*/)?([^/]+)", arn) or re.fullmatch(
        r"arn:[\w-]+:sts::(\d+):assumed-role/([^/]+)/.*", arn
    )
    return f"{match[1]}/{match[2]}" if match else ""


def _conditions_hold(
    conditions: Mapping[str, Mapping[str, Any]], request: PolicyRequest, *, unknown: bool
) -> bool:
    values: dict[str, Values] = {
        "aws:sourcearn": request.source_arn,
        "aws:sourceaccount": request.source_account,
        "aws:principalaccount": request.account,
        "aws:principalarn": request.arn,
        "aws:principalorgid": "",  # Nightbus has no organizations
        "aws:sourceorgid": "",
        "aws:principalisawsservice": "true" if request.principal and not request.arn else "false",
        "aws:principalservicename": "" if request.arn else request.principal,
        "aws:viaawsservice": "true" if request.principal and request.arn else "false",
        "aws:sourceowner": request.account,  # a topic's default policy names its own account by this key
        "aws:securetransport": "true",  # policies use it against plain HTTP over the internet
        **request.values,
    }
    for name, keys in conditions.items():
        for key, expected in keys.items():
            value = values.get(key.lower())
            texts = [_filled(str(one), values) for one in _listed(expected)]
            result = None if value is None else _holds(name.lower(), texts, value)
            if not (unknown if result is None else result):
                return False
    return True


def _filled(text: str, values: Mapping[str, Values]) -> str:
    """Return the text with the values of its policy variables, such as `${aws:PrincipalAccount}`."""

    def value(match: re.Match[str]) -> str:
        one = values.get(match[1].lower())
        return one if isinstance(one, str) and one else match[0]

    return _VARIABLE.sub(value, text) if "${" in text else text


def _holds(operator: str, expected: Sequence[str], actual: Values) -> bool | None:
    """Return whether the condition holds; None for an unknown operator, or for several values with an operator for
    one."""
    present = [actual] if isinstance(actual, str) else list(actual)
    present = present if actual else []
    quantifier, _, operator = operator.rpartition(":")
    if operator == "null":
        return expected == ["false"] if present else expected == ["true"]
    optional = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    positive = operator in _OPERATORS
    compare = _OPERATORS.get(operator if positive else operator.replace("not", "", 1))
    if compare is None:
        return None
    matches = [any(compare(one, value) for one in expected) == positive for value in present]
    if quantifier == "forallvalues":
        return all(matches)
    if quantifier == "foranyvalue":
        return any(matches) or (optional and not matches)
    if len(matches) > 1:
        return None
    return matches[0] if matches else optional or not positive


def arn_like(pattern: str, text: str) -> bool:
    """Return whether the ARN matches part by part, so that a wildcard does not match a colon."""
    pattern_parts, text_parts = pattern.split(":", 5), text.split(":", 5)
    return len(pattern_parts) == len(text_parts) and all(map(like, pattern_parts, text_parts))


def _equal(pattern: str, text: str) -> bool:
    return pattern == text


def _equal_but_for_case(pattern: str, text: str) -> bool:
    return pattern.lower() == text.lower()


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "arnlike": arn_like,
    "arnequals": arn_like,
    "stringequals": _equal,
    "stringequalsignorecase": _equal_but_for_case,
    "stringlike": like,
    "bool": _equal_but_for_case,
}


def _listed(value: Any) -> Iterable[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
