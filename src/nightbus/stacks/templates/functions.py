"""Checks which functions a template calls: those that CloudFormation has, each where the template may call it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.expressions import FIND_IN_MAP, function_of, template_error

# In the order of CloudFormation's message.
_SUPPORTED = (
    "Fn::Base64", "Fn::GetAtt", "Fn::GetAZs", "Fn::ImportValue", "Fn::Join", "Fn::Split", "Fn::FindInMap", "Fn::Select",
    "Ref", "Fn::Equals", "Fn::If", "Fn::Not", "Condition", "Fn::And", "Fn::Or", "Fn::Contains", "Fn::EachMemberEquals",
    "Fn::EachMemberIn", "Fn::ValueOf", "Fn::ValueOfAll", "Fn::RefAll", "Fn::Sub", "Fn::Cidr",
)  # fmt: skip
_NEWER = "Fn::GetStackOutput"  # newer than the message
_EXTENSIONS = frozenset({"Fn::Length", "Fn::ToJsonString"})


def check_functions(document: Mapping[str, Any], extended: bool) -> None:
    """Raise AwsError for a function that CloudFormation has not. `extended`: AWS::LanguageExtensions is declared."""
    resources = document.get("Resources") or {}
    known = {*_SUPPORTED, _NEWER, *(_EXTENSIONS if extended else ())}
    values = [
        *(one.get("Properties") for one in resources.values() if isinstance(one, dict)),
        document.get("Conditions"),
        document.get("Outputs"),
    ]
    for function, argument in _calls(values):
        if function == "Fn::FindInMap" and not extended and isinstance(argument, list) and len(argument) > 3:
            raise template_error(FIND_IN_MAP)
        if function not in known:
            raise AwsError(
                "ValidationError",
                f"Template Error: Encountered unsupported function: {function} "
                f"Supported functions are: [{', '.join(_SUPPORTED)}]",
            )


def _calls(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the functions that a value calls, at any depth, with their arguments."""
    if isinstance(value, list):
        for child in value:
            yield from _calls(child)
    elif isinstance(value, dict):
        function = function_of(value)
        if function is not None:
            yield function, value[function]
        for child in value.values():
            yield from _calls(child)
