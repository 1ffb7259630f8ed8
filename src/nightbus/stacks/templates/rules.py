"""Checks the section Rules of a template, and evaluates it with the values of parameters. Pure.

A rule says which values of parameters go together. CloudFormation evaluates the rules before it does anything.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/rules-section-structure.html
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from nightbus.aws.errors import AwsError, unsupported
from nightbus.stacks.templates.expressions import function_of, template_error, text_of
from nightbus.stacks.templates.syntax import format_error

_MEMBERS = frozenset({"Assertions", "RuleCondition"})
_ASSERTION_MEMBERS = frozenset({"Assert", "AssertDescription"})
_ZONES = "AWS::EC2::AvailabilityZone::Name"
FAILED = "A rule of the template does not hold"


def check_rules(rules: Mapping[str, Any], names: Collection[str]) -> None:
    """Raise AwsError for a malformed rule. `names` are those of parameters and pseudo parameters."""
    for name, rule in rules.items():
        if not isinstance(rule, dict):
            raise format_error(f"[/Rules/{name}] Every Rules member must be an object.")
        unknown = set(rule) - _MEMBERS
        if unknown:
            raise AwsError("ValidationError", f"Invalid template rule property '{min(unknown)}'")
        for assertion in _assertions(name, rule):
            _check_expression(assertion["Assert"], names, 0)
        if "RuleCondition" in rule:
            _check_expression(rule["RuleCondition"], names, 0)


def _assertions(name: str, rule: Mapping[str, Any]) -> list[dict[str, Any]]:
    assertions = rule.get("Assertions")
    if not isinstance(assertions, list) or not assertions:
        raise format_error(f"[/Rules/{name}] Every Rules object must contain a list of Assertions.")
    for assertion in assertions:
        if not isinstance(assertion, dict) or "Assert" not in assertion:
            raise format_error(f"[/Rules/{name}/Assertions] Every assertion must contain an Assert member.")
        unknown = set(assertion) - _ASSERTION_MEMBERS
        if unknown:
            raise AwsError("ValidationError", f"Invalid template rule property '{min(unknown)}'")
        if not isinstance(assertion.get("AssertDescription", ""), str):
            raise format_error(f"[/Rules/{name}/Assertions] Every AssertDescription must be a string.")
    return assertions


def _check_expression(value: Any, names: Collection[str], depth: int) -> None:
    if isinstance(value, list):
        for child in value:
            _check_expression(child, names, depth)
    elif isinstance(value, dict):
        function = _function(value)
        argument = value[function]
        if function == "Ref" and argument not in names:
            raise format_error(
                f"Unresolved dependencies [{argument}]. Cannot reference resources in the Rules block of the template"
            )
        if function not in ("Ref", "Fn::RefAll"):
            _check_expression(argument, names, depth + 1)


def _function(value: Mapping[str, Any]) -> str:
    function = function_of(value)
    if function is None or (function != "Ref" and function not in _FUNCTIONS):
        name = next(iter(value), "")
        raise template_error(f"{name} is not a function that the Rules block of the template may use.")
    if function == "Ref" and not isinstance(value["Ref"], str):
        raise template_error("every Ref object must have a single String value.")
    return function


def failed_assertions(
    rules: Mapping[str, Any],
    values: Mapping[str, Any],
    types: Mapping[str, str],
) -> list[str]:
    """Return the descriptions of the assertions that do not hold.

    `values` are the parameters, lists for those of list types, with pseudo parameters. `types` are the parameters'
    types. Raises AwsError for an expression that cannot be evaluated.
    """
    expressions = _Expressions(values, types)
    return [
        str(assertion.get("AssertDescription") or f"{FAILED}: {name}")
        for name, rule in rules.items()
        if "RuleCondition" not in rule or expressions.truth(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not expressions.truth(assertion["Assert"])
    ]


@dataclass(frozen=True)
class _Expressions:
    values: Mapping[str, Any]
    types: Mapping[str, str]

    def truth(self, expression: Any) -> bool:
        value = self.value(expression)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise template_error("Every rule condition and every Assert must be a boolean expression.")
        return value

    def value(self, expression: Any) -> Any:
        if isinstance(expression, list):
            return [self.value(one) for one in expression]
        if not isinstance(expression, dict):
            return expression
        function = _function(expression)
        if function == "Ref":
            return self.values.get(expression["Ref"], "")
        return _FUNCTIONS[function](self, expression[function])

    def _and(self, argument: Any) -> bool:
        return all(self.truth(one) for one in _several("Fn::And", argument))

    def _or(self, argument: Any) -> bool:
        return any(self.truth(one) for one in _several("Fn::Or", argument))

    def _not(self, argument: Any) -> bool:
        if not isinstance(argument, list) or len(argument) != 1:
            raise template_error("every Fn::Not object requires a list of one boolean parameter.")
        return not self.truth(argument[0])

    def _equals(self, argument: Any) -> bool:
        left, right = self._two("Fn::Equals", argument)
        return bool(_texts(left) == _texts(right))

    def _contains(self, argument: Any) -> bool:
        strings, one = self._two("Fn::Contains", argument)
        return _texts(one) in _list(_texts(strings))

    def _each_equals(self, argument: Any) -> bool:
        strings, one = self._two("Fn::EachMemberEquals", argument)
        return all(member == _texts(one) for member in _list(_texts(strings)))

    def _each_in(self, argument: Any) -> bool:
        checked, matched = self._two("Fn::EachMemberIn", argument)
        allowed = _list(_texts(matched))
        return all(member in allowed for member in _list(_texts(checked)))

    def _ref_all(self, argument: Any) -> list[str]:
        """Return what exists of a type: the zones of the region, and of what the node does not have, the values that
        the template's own parameters of the type name."""
        if not isinstance(argument, str):
            raise template_error("every Fn::RefAll object must have a single String value.")
        if argument == _ZONES:
            return [f"{self.values.get('AWS::Region', '')}{letter}" for letter in "abc"]
        lists = [
            _list(self.values[name])
            for name, kind in self.types.items()
            if kind in (argument, f"List<{argument}>") and name in self.values
        ]
        return sorted({text for texts in lists for text in texts})

    def _value_of(self, argument: Any) -> Any:
        raise unsupported("Fn::ValueOf, which asks EC2 for an attribute,")

    def _two(self, function: str, argument: Any) -> tuple[Any, Any]:
        if not isinstance(argument, list) or len(argument) != 2:
            raise template_error(f"every {function} object requires a list of 2 parameters.")
        return self.value(argument[0]), self.value(argument[1])


_FUNCTIONS: Mapping[str, Callable[[_Expressions, Any], Any]] = {
    "Fn::And": _Expressions._and,
    "Fn::Contains": _Expressions._contains,
    "Fn::EachMemberEquals": _Expressions._each_equals,
    "Fn::EachMemberIn": _Expressions._each_in,
    "Fn::Equals": _Expressions._equals,
    "Fn::Not": _Expressions._not,
    "Fn::Or": _Expressions._or,
    "Fn::RefAll": _Expressions._ref_all,
    "Fn::ValueOf": _Expressions._value_of,
    "Fn::ValueOfAll": _Expressions._value_of,
}


def _several(name: str, argument: Any) -> list[Any]:
    if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
        raise template_error(
            f"every {name} object requires a list of at least 2 and at most 10 boolean parameters."
        )
    return argument


def _texts(value: Any) -> Any:
    """Return the value with all scalars as texts: a parameter is a text, where a template may have a number."""
    if isinstance(value, list):
        return [_texts(one) for one in value]
    return text_of(value, "Rules")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
