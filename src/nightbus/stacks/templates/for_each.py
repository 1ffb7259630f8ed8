"""Expands Fn::ForEach, and the names that other functions compute, as the transform AWS::LanguageExtensions does. Pure.

A loop `Fn::ForEach::Name: [Identifier, Collection, Fragment]` stands beside the members of an object, and each pass of
its fragment becomes further members. In the keys of the fragment `${Identifier}` and `&{Identifier}` (without what is
not alphanumeric) stand for the element; in its values Ref and Fn::Sub refer to the identifier.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-foreach.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.expressions import UNKNOWN, function_of, sub_parts, text_of

LOOP = "Fn::ForEach::"
_DEEPEST = 5  # loops within loops
_MOST_VALUES = 100_000  # more than a template of a megabyte has
_NAME = re.compile(r"[A-Za-z0-9]+")
_VARIABLE = re.compile(r"([$&])\{([A-Za-z0-9]+)\}")
Names = Mapping[str, str]


class LayoutError(Exception):
    """A function of the transform has a wrong form. The text follows the name of the transform."""


class Expansion:
    """Expands the loops of one template. `evaluate` returns the value of an expression over parameters."""

    def __init__(self, evaluate: Callable[[Any], Any]) -> None:
        self._evaluate = evaluate
        self._values = 0

    def expand(self, value: Any, names: Names, depth: int = 0) -> Any:
        """Return the value without loops. `names` are the elements of the loops around it, by identifier."""
        self._values += 1
        if self._values > _MOST_VALUES:
            raise LayoutError("Fn::ForEach makes the template too large")
        if isinstance(value, list):
            return [self.expand(child, names, depth) for child in value]
        if not isinstance(value, dict):
            return value
        function = function_of(value)
        if function == "Ref":
            return self._ref(value["Ref"], names, depth)
        if function == "Fn::Sub":
            return self._sub(value["Fn::Sub"], names, depth)
        if function == "Fn::GetAtt":
            return {"Fn::GetAtt": self._get_att(value["Fn::GetAtt"], names, depth)}
        members: dict[str, Any] = {}
        for key, child in value.items():
            if key.startswith(LOOP):
                self._loop(key, child, names, depth, members)
            else:
                _add(members, key, self.expand(child, names, depth))
        return members

    def _loop(self, key: str, argument: Any, names: Names, depth: int, members: dict[str, Any]) -> None:
        """Add the members that the loop makes. Raises LayoutError."""
        if (
            not _NAME.fullmatch(key.removeprefix(LOOP))
            or not isinstance(argument, list)
            or len(argument) != 3
        ):
            raise LayoutError("Fn::ForEach layout is incorrect")
        identifier, collection, fragment = argument
        if not isinstance(identifier, str) or not _NAME.fullmatch(identifier) or identifier in names:
            raise LayoutError("Fn::ForEach layout is incorrect")
        if not isinstance(fragment, dict) or not fragment:
            raise LayoutError("Fn::ForEach layout is incorrect")
        if depth == _DEEPEST:
            raise LayoutError(f"Fn::ForEach may not be nested more than {_DEEPEST} deep")
        for element in self._elements(self.expand(collection, names, depth)):
            inner = {**names, identifier: element}
            for name, child in fragment.items():
                if name.startswith(LOOP):
                    self._loop(name, child, inner, depth + 1, members)
                else:
                    _add(members, _replaced(name, inner, escape=False), self.expand(child, inner, depth + 1))

    def _elements(self, collection: Any) -> Iterator[str]:
        elements = self._evaluate(collection)
        if not isinstance(elements, list):
            raise LayoutError("Fn::ForEach layout is incorrect")
        for element in elements:
            if element is UNKNOWN or isinstance(element, dict | list):
                raise LayoutError("Fn::ForEach layout is incorrect")
            yield text_of(element, "Fn::ForEach")

    def _ref(self, argument: Any, names: Names, depth: int) -> Any:
        if isinstance(argument, str):
            return names.get(argument, {"Ref": argument})
        return {"Ref": self._name("Ref", argument, names, depth)}

    def _get_att(self, argument: Any, names: Names, depth: int) -> Any:
        if not isinstance(argument, list) or not argument:
            return argument
        first, *rest = argument
        name = first if isinstance(first, str) else self._name("Fn::GetAtt", first, names, depth)
        return [name, *(self.expand(one, names, depth) for one in rest)]

    def _name(self, function: str, expression: Any, names: Names, depth: int) -> str:
        """Return the name that an expression over parameters and loops gives. Raises LayoutError."""
        name = self._evaluate(self.expand(expression, names, depth))
        if not isinstance(name, str):
            raise LayoutError(f"{function} layout is incorrect")
        return name

    def _sub(self, argument: Any, names: Names, depth: int) -> Any:
        text, own = sub_parts(argument)
        replaced = _replaced(text, {name: one for name, one in names.items() if name not in own}, escape=True)
        if own:
            return {
                "Fn::Sub": [replaced, {name: self.expand(one, names, depth) for name, one in own.items()}]
            }
        return {"Fn::Sub": replaced} if "${" in replaced else replaced


def _add(members: dict[str, Any], key: str, value: Any) -> None:
    if key in members:
        raise LayoutError(f"Duplicate key '{key}' when merging keys to parent object in Fn::ForEach")
    members[key] = value


def _replaced(text: str, names: Names, *, escape: bool) -> str:
    """Return the text with the elements of loops. `escape`: it is evaluated by Fn::Sub later."""

    def element(match: re.Match[str]) -> str:
        if match[2] not in names:
            return match[0]
        value = names[match[2]]
        if match[1] == "&":
            return "".join(letter for letter in value if letter.isascii() and letter.isalnum())
        return value.replace("${", "${!") if escape else value

    return _VARIABLE.sub(element, text)


def refuse_layout(error: LayoutError) -> AwsError:
    return AwsError("ValidationError", f"Transform AWS::LanguageExtensions failed with: {error}")
