"""Carries out the transform AWS::LanguageExtensions: loops, and functions over what is known before resources exist.

Pure. What depends on a resource stays in the template, and is evaluated when the resource exists. So does what depends
on a parameter with NoEcho, since everybody who may read the processed template would see its value.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/transform-aws-languageextensions.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.expressions import NO_VALUE, UNKNOWN, function_of, has_unknown
from nightbus.stacks.templates.for_each import Expansion, LayoutError, refuse_layout
from nightbus.stacks.templates.intrinsics import Evaluator
from nightbus.stacks.templates.parameters import is_secret

_SECTIONS = ("Conditions", "Resources", "Outputs")
_FOLDED = frozenset({"Fn::FindInMap", "Fn::Length", "Fn::ToJsonString"})
_ATTRIBUTES = ("Condition", "DependsOn")


def extend(document: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the template without loops. `values` are parameters, lists for list types, with pseudo parameters.

    Raises AwsError ValidationError with the transform's text.
    """
    try:
        return _extended(dict(document), values)
    except LayoutError as wrong:
        raise refuse_layout(wrong) from wrong


def _extended(document: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    conditions: Mapping[str, Any] = {}
    for section in _SECTIONS:
        if not isinstance(document.get(section), dict):
            continue
        # The expressions of later sections may use the conditions, which are expanded first.
        evaluator = _evaluator(document, values, conditions)
        document[section] = Expansion(evaluator.evaluate).expand(document[section], {})
        if section == "Conditions":
            conditions = document[section]
    declared = document.get("Parameters")
    secret = {
        name
        for name, one in (declared.items() if isinstance(declared, dict) else ())
        if isinstance(one, dict) and is_secret(one)
    }
    evaluator = _evaluator(document, values, conditions)
    plain = {name: value for name, value in values.items() if name not in secret}
    fold = _folding(_evaluator(document, plain, conditions))
    for section in _SECTIONS:
        if isinstance(document.get(section), dict):
            document[section] = {name: fold(one) for name, one in document[section].items()}
    for section in ("Resources", "Outputs"):
        members = document.get(section)
        for member in members.values() if isinstance(members, dict) else ():
            _set_attributes(member, evaluator)
    return document


def _evaluator(
    document: Mapping[str, Any], values: Mapping[str, Any], conditions: Mapping[str, Any]
) -> Evaluator:
    mappings = document.get("Mappings")
    return Evaluator(values, mappings if isinstance(mappings, dict) else {}, conditions, extended=True)


def _folding(evaluator: Evaluator) -> Callable[[Any], Any]:
    def fold(value: Any) -> Any:
        """Return the value with the results of the transform's functions, where these are known."""
        if isinstance(value, list):
            return [fold(child) for child in value]
        if not isinstance(value, dict):
            return value
        function = function_of(value)
        if function in _FOLDED:
            result = _known(evaluator, function or "", value)
            if result is not UNKNOWN:
                return {"Ref": "AWS::NoValue"} if result is NO_VALUE else result
        return {name: fold(child) for name, child in value.items()}

    return fold


def _known(evaluator: Evaluator, function: str, value: Any) -> Any:
    """Return the function's result, or UNKNOWN. A wrong one is refused where it is evaluated, if it ever is."""
    try:
        result = evaluator.evaluate(value)
    except AwsError as wrong:
        if function == "Fn::Length" and wrong.code == "ValidationError":
            raise LayoutError("Fn::Length layout is incorrect") from wrong
        return UNKNOWN
    return UNKNOWN if has_unknown(result) else result


def _set_attributes(member: Any, evaluator: Evaluator) -> None:
    """Set the attributes that name conditions and resources, which may be expressions. Changes `member`."""
    for attribute in _ATTRIBUTES if isinstance(member, dict) else ():
        if isinstance(member.get(attribute), dict | list):
            value = evaluator.evaluate(member[attribute])
            if value is NO_VALUE:
                del member[attribute]
            elif has_unknown(value):
                raise LayoutError(f"{attribute} layout is incorrect")
            else:
                member[attribute] = value
