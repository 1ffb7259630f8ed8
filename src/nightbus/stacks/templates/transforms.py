"""Finds the transforms that a template declares: in its section Transform, and as Fn::Transform anywhere in it. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-macros-overview.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.syntax import format_error

SERVERLESS = "AWS::Serverless-2016-10-31"
EXTENSIONS = "AWS::LanguageExtensions"
INCLUDE = "AWS::Include"
SECRETS = "AWS::SecretsManager-2020-07-23"
FUNCTION = "Fn::Transform"
_HERE = frozenset({SERVERLESS, EXTENSIONS, INCLUDE})


@dataclass(frozen=True)
class Transform:
    """A transform with its parameters, which CloudFormation does not evaluate."""

    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_macro(self) -> bool:
        return not self.name.startswith("AWS::")


def section_transforms(document: Mapping[str, Any]) -> list[Transform]:
    """Return the transforms of the section, in their order. Raises AwsError ValidationError."""
    declared = document.get("Transform")
    if declared is None:
        return []
    return [_read(one, "Transform") for one in (declared if isinstance(declared, list) else [declared])]


def function_transforms(argument: Any) -> list[Transform]:
    """Return the transforms of one Fn::Transform, in their order. Raises AwsError ValidationError."""
    return [_read(one, FUNCTION) for one in (argument if isinstance(argument, list) else [argument])]


def _read(declared: Any, place: str) -> Transform:
    if isinstance(declared, str) and place == "Transform" and declared:
        return Transform(declared)
    if not isinstance(declared, dict) or not isinstance(declared.get("Name"), str) or not declared["Name"]:
        raise format_error(
            f"Every {place} member must be a string, or an object with a Name that is a string."
        )
    parameters = declared.get("Parameters", {})
    if not isinstance(parameters, dict) or set(declared) - {"Name", "Parameters"}:
        raise format_error(f"A {place} has a Name and Parameters, which must be an object.")
    return Transform(declared["Name"], parameters)


def nested_transforms(value: Any) -> list[Transform]:
    """Return the transforms of all Fn::Transform in the value, the outer ones first. Raises AwsError."""
    found: list[Transform] = []
    _collect(value, found)
    return found


def _collect(value: Any, found: list[Transform]) -> None:
    """Add the transforms of the value, at any depth. Most values are texts, which are not entered."""
    if isinstance(value, dict):
        if FUNCTION in value:
            found += function_transforms(value[FUNCTION])
        for name, child in value.items():
            if isinstance(child, dict | list) and name != FUNCTION:
                _collect(child, found)
    elif isinstance(value, list):
        for child in value:
            if isinstance(child, dict | list):
                _collect(child, found)


def declared_transforms(document: Mapping[str, Any]) -> list[str]:
    """Return the names of all transforms of the template, each once. Raises AwsError."""
    found = [*section_transforms(document), *nested_transforms(dict(document))]
    return list(dict.fromkeys(one.name for one in found))


def check_transforms(document: Mapping[str, Any]) -> None:
    """Raise AwsError for a malformed declaration, and for a transform of AWS that does not exist here."""
    for name in declared_transforms(document):
        if name.startswith("AWS::") and name not in _HERE:
            if name == SECRETS or name.startswith(
                ("AWS::CodeDeploy", "AWS::CodeStar", "AWS::ServiceCatalog")
            ):
                raise AwsError(
                    "NotImplementedException", f"The transform {name} is not supported by Nightbus yet.", 501
                )
            raise AwsError("ValidationError", f"No transform named {name} found.")
