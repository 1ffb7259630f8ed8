"""Decides by a resource's own policy whether a service or account may use a function, queue, topic or bus. Pure.

What is not known here is never read as the owner's consent: a condition that cannot be judged does not hold in a
statement that allows, and holds in one that denies.
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
class Request:
    """Who asks: an AWS service (`principal`) for `source_arn` of `source_account`, or `arn` of `account`, or both.

    `resource` is the ARN, `values` further condition keys in lower case; those without a value are known and not there,
    a tuple is a key of several values.
    """

    principal: str
    action: str
    resource: str
    source_arn: str = ""
    source_account: str = ""
    account: str = ""
    arn: str = ""
    values: Mapping[str, Values] = field(default_factory=lambda: _NO_VALUES)


def refusal(statements: Sequence[Statement], request: Request, owner: str) -> str:
    """Why it may not be, in AWS's words; "" if it may. The account `owner` needs no word: a Deny alone stops it."""
    if is_denied(statements, request):
        return _refused(request, "with an explicit deny in a resource-based policy")
    if request.account == owner or is_allowed(statements, request):
        return ""
    return not_allowed(request)


def not_allowed(request: Request) -> str:
    """The words for what no statement allows."""
    return _refused(request, f"because no resource-based policy allows the {request.action} action")


def _refused(request: Request, why: str) -> str:
    who = request.arn or request.principal
    return f"User: {who} is not authorized to perform: {request.action} on resource: {request.resource} {why}"


def is_allowed(statements: Sequence[Statement], request: Request) -> bool:
    applying = [statement for statement in statements if _applies(statement, request)]
    return bool(applying) and all(statement.get("Effect") == "Allow" for statement in applying)


def is_denied(statements: Sequence[Statement], request: Request) -> bool:
    """Whether a statement denies it, whatever others allow."""
    return any(one.get("Effect") != "Allow" and _applies(one, request) for one in statements)


def statements_of(document: str | None) -> list[Statement]:
    """Of a policy's JSON text; none where there is no policy. What is no statement says nothing."""
    if not document:
        return []
    found = json.loads(document).get("Statement") or []
    return [one for one in _listed(found) if isinstance(one, Mapping)]


def is_readable(document: Mapping[str, Any]) -> bool:
    """Whether it consists of what a policy consists of, so that any request can be judged by it."""
    found = list(_listed(document.get("Statement")))
    return all(isinstance(one, Mapping) for one in found) and all(
        isinstance(conditions, Mapping) and all(isinstance(keys, Mapping) for keys in conditions.values())
        for conditions in (one.get("Condition") or {} for one in found)
    )


def _applies(statement: Statement, request: Request) -> bool:
    def named(element: str, fits: Callable[[Any], bool]) -> bool:
        """By the element, or by its opposite: `Action`, `NotAction`."""
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


def _names(principal: Any, request: Request) -> bool:
    if isinstance(principal, Mapping):
        return request.principal in _listed(principal.get("Service")) or any(
            _is_caller(str(one), request) for one in _listed(principal.get("AWS"))
        )
    return bool(principal == "*")


def _is_caller(principal: str, request: Request) -> bool:
    """`principal` is `*`, an account, its root, or a user or role; a role's sessions are the role's."""
    if principal == "*":
        return True
    if not request.account:
        return False
    if principal == request.account or re.fullmatch(rf"arn:[\w-]+:iam::{request.account}:root", principal):
        return True
    return principal == request.arn or _role_of(request.arn) == _role_of(principal) != ""


def _role_of(arn: str) -> str:
    """Account and name of the role of `role/path/name` or `assumed-role/name/session`; "" for anything else."""
    found = re.fullmatch(r"arn:[\w-]+:iam::(\d+):role/(?:.*/)?([^/]+)", arn) or re.fullmatch(
        r"arn:[\w-]+:sts::(\d+):assumed-role/([^/]+)/.*", arn
    )
    return f"{found[1]}/{found[2]}" if found else ""


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], request: Request, *, unknown: bool) -> bool:
    values: dict[str, Values] = {
        "aws:sourcearn": request.source_arn,
        "aws:sourceaccount": request.source_account,
        "aws:principalaccount": request.account,
        "aws:principalarn": request.arn,
        "aws:principalorgid": "",  # there are no organizations here
        "aws:sourceorgid": "",
        "aws:principalisawsservice": "true" if request.principal and not request.arn else "false",
        "aws:principalservicename": "" if request.arn else request.principal,
        "aws:viaawsservice": "true" if request.principal and request.arn else "false",
        "aws:sourceowner": request.account,  # in the policy that SNS gives a topic: its own account's callers
        "aws:securetransport": "true",  # what AWS keeps out this way comes over the internet, which is not here
        **request.values,
    }
    for name, keys in conditions.items():
        for key, wanted in keys.items():
            value = values.get(key.lower())
            texts = [_filled(str(one), values) for one in _listed(wanted)]
            held = None if value is None else _holds(name.lower(), texts, value)
            if not (unknown if held is None else held):
                return False
    return True


def _filled(text: str, values: Mapping[str, Values]) -> str:
    """With the values of the policy variables in it, such as `${aws:PrincipalAccount}`."""

    def value(found: re.Match[str]) -> str:
        one = values.get(found[1].lower())
        return one if isinstance(one, str) and one else found[0]

    return _VARIABLE.sub(value, text) if "${" in text else text


def _holds(operator: str, wanted: Sequence[str], given: Values) -> bool | None:
    """None for an operator that is not known, and for one of a single value where there are several."""
    present = [given] if isinstance(given, str) else list(given)
    present = present if given else []
    quantifier, _, operator = operator.rpartition(":")
    if operator == "null":
        return wanted == ["false"] if present else wanted == ["true"]
    optional = operator.endswith("ifexists")
    operator = operator.removesuffix("ifexists")
    positive = operator in _OPERATORS
    compare = _OPERATORS.get(operator if positive else operator.replace("not", "", 1))
    if compare is None:
        return None
    fits = [any(compare(one, value) for one in wanted) == positive for value in present]
    if quantifier == "forallvalues":
        return all(fits)
    if quantifier == "foranyvalue":
        return any(fits) or (optional and not fits)
    if len(fits) > 1:
        return None
    return fits[0] if fits else optional or not positive


def arn_like(pattern: str, text: str) -> bool:
    """Part by part of the ARN, so that a wildcard does not reach over a colon."""
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
