"""Compiles the element `Condition` of a statement into functions of a request.

All operators and all keys of an element must hold; of the values of one key, one is enough. What cannot be evaluated
(an unknown operator or key, several values for an operator that compares one, a variable without a value in a negated
comparison) counts as `unknown`: as not met in an Allow and as met in a Deny, so that a policy never grants more here
than it would on AWS. Sources:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from nightbus.policies.keys import reader
from nightbus.policies.operators import OPERATORS
from nightbus.policies.patterns import Patterns
from nightbus.policies.request import AccessRequest, Values

Condition = Callable[[AccessRequest], bool]
_FOR_ALL, _FOR_ANY = "forallvalues", "foranyvalue"


def conditions_of(element: Any, *, variables: bool, unknown: bool) -> tuple[Condition, ...]:
    """Return the conditions, all of which must hold. `variables` says whether `${...}` is a variable."""
    if not element:
        return ()
    if not isinstance(element, Mapping):
        return (lambda _: unknown,)
    return tuple(
        _condition(str(name), str(key), texts_of(expected), variables, unknown)
        for name, keys in element.items()
        for key, expected in (keys.items() if isinstance(keys, Mapping) else [("", keys)])
    )


def texts_of(value: Any) -> list[str]:
    """Return the values of a key as texts: JSON's true and numbers are allowed as well."""
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in listed(value)]


def listed(value: Any) -> Iterable[Any]:
    if value is None:
        return []
    return value if isinstance(value, list | tuple) else [value]


def is_comparison(name: str, values: Any) -> bool:
    """Return whether the operator is one of AWS, and whether each value is one that it can compare."""
    given = list(listed(values))
    if not given or not all(isinstance(one, str | bool | int | float) for one in given):
        return False
    quantifier, _, operator = name.lower().rpartition(":")
    if quantifier not in ("", _FOR_ALL, _FOR_ANY):
        return False
    texts = texts_of(given)
    if operator in ("null", "bool", "boolifexists"):
        return all(one.lower() in ("true", "false") or "${" in one for one in texts)
    compile_values, _ = OPERATORS.get(operator.removesuffix("ifexists"), (None, True))
    return compile_values is not None and compile_values(texts, False) is not None


def _condition(name: str, key: str, expected: list[str], variables: bool, unknown: bool) -> Condition:
    read = reader(key.lower())
    quantifier, _, operator = name.lower().rpartition(":")
    if operator == "null" and not quantifier:
        return _null(read, expected, unknown)
    optional = operator.endswith("ifexists")
    compile_values, positive = OPERATORS.get(operator.removesuffix("ifexists"), (None, True))
    patterns = compile_values(expected, variables) if compile_values else None
    if patterns is None or quantifier not in ("", _FOR_ALL, _FOR_ANY):
        return lambda _: unknown
    if quantifier:
        return _of_several(read, patterns, positive, quantifier == _FOR_ALL, optional, unknown)
    return _of_one(read, patterns, positive, optional or not positive, unknown)


Read = Callable[[AccessRequest], Values | None]


def _null(read: Read, expected: list[str], unknown: bool) -> Condition:
    wanted = {one.lower() for one in expected}

    def holds(request: AccessRequest) -> bool:
        value = read(request)
        return unknown if value is None else ("false" if value else "true") in wanted

    return holds


def _of_one(read: Read, patterns: Patterns, positive: bool, absent: bool, unknown: bool) -> Condition:
    match, unresolved = patterns.match, None if positive or not patterns.variables else patterns.unresolved

    def holds(request: AccessRequest) -> bool:
        value = read(request)
        if value is None:
            return unknown
        if not value:
            return absent
        if not isinstance(value, str):
            if len(value) > 1:
                return unknown
            value = value[0]
        if unresolved is not None and unresolved(request):
            return unknown
        return match(value, request) is positive

    return holds


def _of_several(
    read: Read, patterns: Patterns, positive: bool, every: bool, optional: bool, unknown: bool
) -> Condition:
    """`ForAllValues` holds for a key without values, `ForAnyValue` does not."""
    match = patterns.match

    def holds(request: AccessRequest) -> bool:
        value = read(request)
        if value is None:
            return unknown
        if not value:
            return every or optional
        if not positive and patterns.unresolved(request):
            return unknown
        values = (value,) if isinstance(value, str) else value
        matched = (match(one, request) is positive for one in values)
        return all(matched) if every else any(matched)

    return holds
