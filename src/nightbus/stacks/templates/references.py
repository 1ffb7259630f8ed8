"""Collects the names that a part of a template refers to, without evaluating it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from nightbus.stacks.templates.expressions import attribute_parts, function_of, sub_parts, sub_variables


class Reference(NamedTuple):
    """A reference to a name. `attribute` is empty for Ref; `function` is the function that has the reference."""

    name: str
    attribute: str
    function: str

    def __str__(self) -> str:
        return f"{self.name}.{self.attribute}" if self.attribute else self.name


def references(value: Any, conditions: Mapping[str, bool] | None = None) -> Iterator[Reference]:
    """Yield all references of `value`. With `conditions`, those in branches of Fn::If that do not apply are skipped."""
    if isinstance(value, list):
        for child in value:
            yield from references(child, conditions)
    elif isinstance(value, dict):
        name = function_of(value)
        if name is None:
            for child in value.values():
                yield from references(child, conditions)
        else:
            yield from _of_function(name, value[name], conditions)


def _of_function(name: str, argument: Any, conditions: Mapping[str, bool] | None) -> Iterator[Reference]:
    if name == "Ref":
        yield Reference(str(argument), "", "Ref")
    elif name == "Fn::GetAtt":
        resource, attribute = attribute_parts(argument)
        yield Reference(resource, attribute if isinstance(attribute, str) else "*", "Fn::GetAtt")
        yield from references(attribute, conditions)
    elif name == "Fn::Sub":
        yield from _of_sub(argument, conditions)
    elif name == "Fn::If" and conditions is not None and _is_choice(argument):
        yield from references(argument[1 if conditions.get(argument[0]) else 2], conditions)
    else:
        yield from references(argument, conditions)


def _is_choice(argument: Any) -> bool:
    return isinstance(argument, list) and len(argument) == 3 and isinstance(argument[0], str)


def _of_sub(argument: Any, conditions: Mapping[str, bool] | None) -> Iterator[Reference]:
    text, own_variables = sub_parts(argument)
    for variable in sub_variables(text):
        if variable in own_variables:
            continue
        resource, _, attribute = variable.partition(".")
        if variable.startswith("AWS::"):
            resource, attribute = variable, ""
        yield Reference(resource, attribute, "Fn::Sub")
    yield from references(list(own_variables.values()), conditions)


def condition_names(value: Any) -> Iterator[str]:
    """Yield the names of the conditions of all Fn::If in `value`."""
    if isinstance(value, list):
        for child in value:
            yield from condition_names(child)
    elif isinstance(value, dict):
        argument = value.get("Fn::If") if len(value) == 1 else None
        if isinstance(argument, list) and argument and isinstance(argument[0], str):
            yield argument[0]
        for child in value.values():
            yield from condition_names(child)
