"""Parses the syntax of functions and their arguments in a template, without evaluating them. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from nightbus.aws.errors import AwsError


class StackOutput(NamedTuple):
    """An output of another stack, as Fn::GetStackOutput names it. An empty region or role is that of the stack."""

    stack: str
    output: str
    region: str = ""
    role: str = ""


class _Marker:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


UNKNOWN: Final = _Marker("UNKNOWN")
NO_VALUE: Final = _Marker("NO_VALUE")

PSEUDO_PARAMETERS = frozenset(
    "AWS::" + name
    for name in (
        "AccountId", "NoValue", "NotificationARNs", "Partition", "Region", "StackId", "StackName", "URLSuffix"
    )
)  # fmt: skip
FIND_IN_MAP = (
    "every Fn::FindInMap object requires three parameters, the map name, map key and the attribute "
    "for return value"
)
VARIABLE = re.compile(r"\$\{([^!{}][^{}]*|)\}|\$\{!([^{}]*)\}")


def template_error(message: str) -> AwsError:
    return AwsError("ValidationError", f"Template error: {message}")


def function_of(value: Mapping[str, Any]) -> str | None:
    """Return the name of the function that the object calls, or None for a plain object.

    `Condition` does not count: it refers to a condition only inside conditions, elsewhere it is an ordinary member.
    """
    if len(value) != 1:
        return None
    name = next(iter(value))
    return name if name == "Ref" or name.startswith("Fn::") else None


def attribute_parts(argument: Any) -> tuple[str, Any]:
    """Return the resource and the attribute (which may be an expression) of an Fn::GetAtt."""
    if isinstance(argument, str) and "." in argument:
        resource, _, attribute = argument.partition(".")
        return resource, attribute
    if isinstance(argument, list) and len(argument) >= 2 and all(argument) and isinstance(argument[0], str):
        if all(isinstance(part, str) for part in argument[1:]):
            return argument[0], ".".join(argument[1:])
        if len(argument) == 2 and isinstance(argument[1], dict):
            return argument[0], argument[1]
    raise template_error(
        "every Fn::GetAtt object requires two non-empty parameters, the resource name and the resource attribute"
    )


def sub_parts(argument: Any) -> tuple[str, dict[str, Any]]:
    if isinstance(argument, str):
        return argument, {}
    if (
        isinstance(argument, list)
        and len(argument) == 2
        and isinstance(argument[0], str)
        and isinstance(argument[1], dict)
    ):
        return argument[0], argument[1]
    raise template_error(
        "One or more Fn::Sub intrinsic functions don't specify expected arguments. Specify a string as first "
        "argument, and an optional second argument to specify a mapping of values to replace in the string"
    )


def sub_variables(text: str) -> list[str]:
    return [match.group(1).strip() for match in VARIABLE.finditer(text) if match.group(2) is None]


def has_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(has_unknown(child) for child in value.values())
    if isinstance(value, list):
        return any(has_unknown(child) for child in value)
    return value is UNKNOWN


def text_of(value: Any, function: str) -> str:
    """Return a scalar as text, as CloudFormation inserts it into a string. Raises AwsError for a list or a map."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return ",".join(value)
    raise template_error(f"{function} expressions must not hold an object or a list of objects.")
