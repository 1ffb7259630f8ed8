"""Collects the names to which a part of a template refers, without evaluating anything. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from nightbus.stacks.templates.expressions import attribute_parts, function_of, sub_parts, sub_variables


class Reference(NamedTuple):
    """`attribute` is empty for Ref; `function` is what wrote the reference."""

    name: str
    attribute: str
    function: str

    def __str__(self) -> str:
        return f"{self.name}.{self.attribute}" if self.attribute else self.name


def references(value: Any, conditions: Mapping[str, bool] | None = None) -> Iterator[Reference]:
    """Everything that `value` refers to; with `conditions`, only in the branches of Fn::If that are taken."""
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
    text, given = sub_parts(argument)
    for variable in sub_variables(text):
        if variable in given:
            continue
        resource, _, attribute = variable.partition(".")
        if variable.startswith("AWS::"):
            resource, attribute = variable, ""
        yield Reference(resource, attribute, "Fn::Sub")
    yield from references(list(given.values()), conditions)


def conditions_named(value: Any) -> Iterator[str]:
    """The conditions that Fn::If names anywhere in `value`."""
    if isinstance(value, list):
        for child in value:
            yield from conditions_named(child)
    elif isinstance(value, dict):
        argument = value.get("Fn::If") if len(value) == 1 else None
        if isinstance(argument, list) and argument and isinstance(argument[0], str):
            yield argument[0]
        for child in value.values():
            yield from conditions_named(child)
