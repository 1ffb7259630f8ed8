"""Evaluates the expressions of a template with parameters, conditions and provisioned resources.

Pure. A value that is not known yet, because a plan evaluates before anything exists, is `UNKNOWN`.
"""

from __future__ import annotations

import base64
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from nightbus.aws.errors import AwsError, unsupported
from nightbus.stacks.templates.expressions import (
    FIND_IN_MAP,
    NO_VALUE,
    UNKNOWN,
    VARIABLE,
    StackOutput,
    attribute_parts,
    function_of,
    has_unknown,
    sub_parts,
    template_error,
    text_of,
)

MAX_COST, _NODE_COST = 16_000_000, 16  # characters that functions may produce; the cost of an evaluated value


class Provisioned(Protocol):
    """The source of values for Ref, Fn::GetAtt and Fn::ImportValue."""

    def reference(self, logical_id: str) -> Any: ...
    def attribute(self, logical_id: str, name: str) -> Any: ...
    def imported(self, name: str) -> Any: ...


class Nothing:
    """A source in which nothing is provisioned, so that every reference is unknown."""

    def reference(self, logical_id: str) -> Any:
        return UNKNOWN

    def attribute(self, logical_id: str, name: str) -> Any:
        return UNKNOWN

    def imported(self, name: str) -> Any:
        return UNKNOWN


@dataclass(frozen=True)
class Evaluator:
    """Evaluates expressions. `values` are parameters and pseudo parameters; `extended`: the template declares
    AWS::LanguageExtensions. `stack_outputs` are those of other stacks."""

    values: Mapping[str, Any]
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, Any] = field(default_factory=dict)
    provisioned: Provisioned = field(default_factory=Nothing)
    extended: bool = False
    stack_outputs: Mapping[StackOutput, str | AwsError] | None = None  # None: not read yet
    _conditions_held: dict[str, bool] = field(default_factory=dict)
    _open: set[str] = field(default_factory=set)
    _spent: list[int] = field(default_factory=lambda: [0])

    def evaluate(self, value: Any) -> Any:
        """Return the value of an expression. NO_VALUE means that the member itself is left out."""
        self._spend(_NODE_COST)
        if isinstance(value, dict):
            name = function_of(value)
            if name is not None:
                return self._call(name, value[name])
            return _without_no_values({key: self.evaluate(child) for key, child in value.items()})
        if isinstance(value, list):
            return [child for child in map(self.evaluate, value) if child is not NO_VALUE]
        return value

    def holds(self, name: str) -> bool:
        """Return whether the condition is true."""
        if name not in self.conditions:
            raise AwsError(
                "ValidationError",
                f"Template format error: Unresolved condition dependency {name} in the Resources block "
                "of the template",
            )
        if name not in self._conditions_held:
            if name in self._open:
                raise AwsError("ValidationError", f"Circular dependency between conditions: [{name}]")
            self._open.add(name)
            self._conditions_held[name] = self._truth(self.conditions[name])
            self._open.discard(name)
        return self._conditions_held[name]

    def _spend(self, cost: int) -> None:
        """Add to the cost. Raises AwsError above MAX_COST, so that a short template cannot fill the memory."""
        self._spent[0] += cost
        if self._spent[0] > MAX_COST:
            raise template_error("the values of the template are too large.")

    def _made(self, text: str) -> str:
        self._spend(len(text))
        return text

    def _truth(self, expression: Any) -> bool:
        if isinstance(expression, dict) and set(expression) == {"Condition"}:
            return self.holds(str(expression["Condition"]))
        value = self.evaluate(expression)
        if isinstance(value, str) and value.lower() in ("true", "false"):
            return value.lower() == "true"
        if not isinstance(value, bool):
            raise template_error("every Condition member must be a boolean expression.")
        return value

    def _call(self, name: str, argument: Any) -> Any:
        method = _FUNCTIONS.get(name)
        if method is None:
            raise unsupported(f"The function {name}")
        return method(self, argument)

    def _ref(self, argument: Any) -> Any:
        if not isinstance(argument, str):
            raise template_error("every Ref object must have a single String value.")
        if argument == "AWS::NoValue":
            return NO_VALUE
        if argument in self.values:
            return self.values[argument]
        return self.provisioned.reference(argument)

    def _get_att(self, argument: Any) -> Any:
        resource, attribute = attribute_parts(argument)
        attribute = self.evaluate(attribute)
        if attribute is UNKNOWN:
            return UNKNOWN
        return self.provisioned.attribute(resource, str(attribute))

    def _sub(self, argument: Any) -> Any:
        text, own_variables = sub_parts(argument)
        variables = {name: self.evaluate(value) for name, value in own_variables.items()}
        parts: list[str] = []
        at = 0
        for match in VARIABLE.finditer(text):
            parts.append(text[at : match.start()])
            at = match.end()
            if match.group(2) is not None:
                parts.append("${" + match.group(2) + "}")
                continue
            value = self._variable(match.group(1).strip(), variables)
            if value is UNKNOWN:
                return UNKNOWN
            parts.append(text_of(value, "Fn::Sub"))
            self._spend(len(parts[-1]))
        return "".join(parts) + text[at:]

    def _variable(self, name: str, variables: Mapping[str, Any]) -> Any:
        if name in variables:
            return variables[name]
        if "." in name and name not in self.values:
            resource, _, attribute = name.partition(".")
            return self.provisioned.attribute(resource, attribute)
        return self._ref(name)

    def _join(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str):
            raise template_error(_JOIN)
        items = self.evaluate(argument[1])
        if items is UNKNOWN:
            return UNKNOWN
        if not isinstance(items, list):
            raise template_error(_JOIN)
        if any(item is UNKNOWN for item in items):
            return UNKNOWN
        if any(isinstance(item, dict | list) for item in items):
            raise template_error(_JOIN)
        texts = [text_of(item, "Fn::Join") for item in items]
        self._spend(sum(map(len, texts)) + len(argument[0]) * len(texts))
        return argument[0].join(texts)

    def _select(self, argument: Any) -> Any:
        wrong = template_error(
            "Fn::Select requires a list argument with two elements: an integer index and a list"
        )
        if not isinstance(argument, list) or len(argument) != 2:
            raise wrong
        index, items = self.evaluate(argument[0]), self.evaluate(argument[1])
        if index is UNKNOWN or items is UNKNOWN:
            return UNKNOWN
        try:
            position = int(index)
        except (TypeError, ValueError, OverflowError) as broken:
            raise template_error("Fn::Select requires a list argument with a valid index") from broken
        if not isinstance(items, list):
            raise wrong
        if not 0 <= position < len(items):
            raise template_error(f"Fn::Select  cannot select nonexistent value at index {position}")
        return items[position]

    def _split(self, argument: Any) -> Any:
        wrong = template_error(
            "every Fn::Split object requires two parameters, (1) a string delimiter and (2) a string to be split "
            "or a function that returns a string to be split."
        )
        if not isinstance(argument, list) or len(argument) != 2 or not isinstance(argument[0], str):
            raise wrong
        text = self.evaluate(argument[1])
        if text is UNKNOWN:
            return UNKNOWN
        if not isinstance(text, str) or not argument[0]:
            raise wrong
        return text.split(argument[0])

    def _find_in_map(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) not in (3, 4):
            raise template_error(FIND_IN_MAP)
        default = _default_of(argument)
        keys = [self.evaluate(part) for part in argument[:3]]
        if any(key is UNKNOWN for key in keys):
            return UNKNOWN
        if any(isinstance(key, dict | list) for key in keys):
            raise template_error(FIND_IN_MAP)
        name, first, second = (text_of(key, "Fn::FindInMap") for key in keys)
        mapping = self.mappings.get(name)
        entries = mapping.get(first) if isinstance(mapping, dict) else None  # unchecked before a transform
        if isinstance(entries, dict) and second in entries:
            return self.evaluate(entries[second])
        if default is not NO_VALUE:
            return self.evaluate(default)
        if name not in self.mappings:
            raise template_error(
                f"Mapping named '{name}' is not present in the 'Mappings' section of template."
            )
        raise template_error(f"Unable to get mapping for {name}::{first}::{second}")

    def _if(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 3 or not isinstance(argument[0], str):
            raise template_error("Fn::If requires a list argument with three elements")
        return self.evaluate(argument[1] if self.holds(argument[0]) else argument[2])

    def _and(self, argument: Any) -> Any:
        return all(self._truth(part) for part in _operands("Fn::And", argument))

    def _or(self, argument: Any) -> Any:
        return any(self._truth(part) for part in _operands("Fn::Or", argument))

    def _not(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 1:
            raise template_error("every Fn::Not object requires a list of one boolean parameter.")
        return not self._truth(argument[0])

    def _equals(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) != 2:
            raise template_error("every Fn::Equals object requires a list of 2 string parameters.")
        left, right = (self.evaluate(part) for part in argument)
        return _comparable(left) == _comparable(right)

    def _base64(self, argument: Any) -> Any:
        value = self.evaluate(argument)
        if value is UNKNOWN:
            return UNKNOWN
        if isinstance(value, str):
            return self._made(base64.b64encode(value.encode()).decode())
        raise template_error("every Fn::Base64 object must have a String-typed value.")

    def _import_value(self, argument: Any) -> Any:
        name = self.evaluate(argument)
        if name is UNKNOWN:
            return UNKNOWN
        if not isinstance(name, str):
            raise template_error("the attribute in Fn::ImportValue must not depend on any resources.")
        return self.provisioned.imported(name)

    def stack_output_of(self, argument: Any) -> StackOutput | None:
        """Return which output an Fn::GetStackOutput names, None if that is not known yet. Raises AwsError."""
        members = {"StackName", "OutputName", "Region", "RoleArn"}
        if not isinstance(argument, dict) or not {"StackName", "OutputName"} <= set(argument) <= members:
            raise template_error(_GET_STACK_OUTPUT)
        parts = {name: self.evaluate(value) for name, value in argument.items()}
        given = {name: value for name, value in parts.items() if value is not NO_VALUE}
        if any(value is UNKNOWN for value in given.values()):
            return None
        if not all(isinstance(value, str) and value for value in given.values()) or len(given) < 2:
            raise template_error(_GET_STACK_OUTPUT)
        named = [str(given.get(name, "")) for name in ("StackName", "OutputName", "Region", "RoleArn")]
        return StackOutput(*named)

    def _get_stack_output(self, argument: Any) -> Any:
        wanted = self.stack_output_of(argument)
        if self.stack_outputs is None or wanted is None:
            return UNKNOWN
        value = self.stack_outputs.get(wanted)
        if value is None:
            raise template_error("the arguments of Fn::GetStackOutput must not depend on any resources.")
        if isinstance(value, AwsError):
            raise value
        return value

    def _get_azs(self, argument: Any) -> Any:
        region = self.evaluate(argument) or self.values.get("AWS::Region", "")
        return UNKNOWN if region is UNKNOWN else [f"{region}{letter}" for letter in "abc"]

    def _cidr(self, argument: Any) -> Any:
        if not isinstance(argument, list) or len(argument) not in (2, 3):
            raise template_error(_CIDR)
        parts = [self.evaluate(part) for part in argument]
        if any(part is UNKNOWN for part in parts):
            return UNKNOWN
        return _subnets(parts)

    def _length(self, argument: Any) -> Any:
        self._needs_extensions("Fn::Length")
        items = self.evaluate(argument)
        if items is UNKNOWN:
            return UNKNOWN
        if not isinstance(items, list):
            raise template_error("Fn::Length requires a list argument")
        return len(items)

    def _to_json(self, argument: Any) -> Any:
        self._needs_extensions("Fn::ToJsonString")
        value = self.evaluate(argument)
        return UNKNOWN if has_unknown(value) else self._made(json.dumps(value, separators=(",", ":")))

    def _needs_extensions(self, name: str) -> None:
        if not self.extended:
            raise template_error(f"{name} requires the transform AWS::LanguageExtensions.")


_JOIN = (
    "every Fn::Join object requires two parameters, (1) a string delimiter and (2) a list of strings to be joined "
    "or a function that returns a list of strings (such as Fn::GetAZs) to be joined."
)
_GET_STACK_OUTPUT = (
    "every Fn::GetStackOutput object requires the strings StackName and OutputName, and may have Region and "
    "RoleArn."
)
_CIDR = "every Fn::Cidr object requires two or three parameters: an IP block, a count and the number of subnet bits."

_FUNCTIONS: Mapping[str, Callable[[Evaluator, Any], Any]] = {
    "Ref": Evaluator._ref,
    "Fn::GetAtt": Evaluator._get_att,
    "Fn::Sub": Evaluator._sub,
    "Fn::Join": Evaluator._join,
    "Fn::Select": Evaluator._select,
    "Fn::Split": Evaluator._split,
    "Fn::FindInMap": Evaluator._find_in_map,
    "Fn::If": Evaluator._if,
    "Fn::And": Evaluator._and,
    "Fn::Or": Evaluator._or,
    "Fn::Not": Evaluator._not,
    "Fn::Equals": Evaluator._equals,
    "Fn::Base64": Evaluator._base64,
    "Fn::ImportValue": Evaluator._import_value,
    "Fn::GetAZs": Evaluator._get_azs,
    "Fn::GetStackOutput": Evaluator._get_stack_output,
    "Fn::Cidr": Evaluator._cidr,
    "Fn::Length": Evaluator._length,
    "Fn::ToJsonString": Evaluator._to_json,
}


def _comparable(value: Any) -> Any:
    return text_of(value, "Fn::Equals") if isinstance(value, bool | int | float) else value


def _default_of(argument: list[Any]) -> Any:
    if len(argument) == 3:
        return NO_VALUE
    if not isinstance(argument[3], dict) or set(argument[3]) != {"DefaultValue"}:
        raise template_error(FIND_IN_MAP)
    return argument[3]["DefaultValue"]


def _operands(name: str, argument: Any) -> list[Any]:
    if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
        raise template_error(
            f"every {name} object requires a list of at least 2 and at most 10 boolean parameters."
        )
    return argument


def _subnets(parts: list[Any]) -> list[str]:
    try:
        network = ipaddress.ip_network(str(parts[0]), strict=False)
        count = int(parts[1])
        bits = int(parts[2]) if len(parts) == 3 else 8
    except (TypeError, ValueError, OverflowError) as broken:
        raise template_error(_CIDR) from broken
    prefix = network.max_prefixlen - bits
    size_fits = bits >= 1 and prefix >= network.prefixlen
    if not 1 <= count <= 256 or not size_fits or 2 ** (prefix - network.prefixlen) < count:
        raise template_error(f"Fn::Cidr cannot make {count} blocks of {bits} bits out of {network}.")
    step = 1 << bits
    first = int(network.network_address)
    return [f"{type(network.network_address)(first + step * at)}/{prefix}" for at in range(count)]


def _without_no_values(value: dict[str, Any]) -> dict[str, Any]:
    return {key: child for key, child in value.items() if child is not NO_VALUE}
