"""Parses a template that is YAML into plain values, with CloudFormation's short forms.

Aliases are refused, as by CloudFormation, which also limits the size of the values that a small text can stand for.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.syntax import MAX_DEPTH, decimal_value, format_error, integer_value

_SHORT_NAMES = {"Ref": "Ref", "Condition": "Condition"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*([eE][-+]?[0-9]+)?$")
_TRUE = frozenset({"true", "yes", "on"})
_LIBYAML_TOO_DEEP = (
    "exceeded maximum nesting depth"  # from 0.2.6 on, its scanner counts before this module's check
)
_NAMESPACE = "tag:yaml.org,2002:"
_MOST_DIGITS = 4300  # the most that `int` and `json` read


def read_yaml(text: str) -> Any:
    """Raises AwsError ValidationError with CloudFormation's texts."""
    try:
        _refuse_deep_or_aliased(text)
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as broken:
        if broken.problem == _LIBYAML_TOO_DEEP:
            raise format_error("YAML not well-formed. It is nested too deeply.") from broken
        mark = broken.problem_mark or broken.context_mark
        position = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise format_error(f"YAML not well-formed.{position}") from broken
    except yaml.YAMLError as broken:
        raise format_error("YAML not well-formed.") from broken
    return None if node is None else _value(node)


def _refuse_deep_or_aliased(text: str) -> None:
    """Raise AwsError for aliases and deep nesting. It reads the parser's events, before any value is built."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise AwsError(
                "ValidationError", "Template error: YAML aliases are not allowed in CloudFormation templates"
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise format_error("YAML not well-formed. It is nested too deeply.")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _value(node: yaml.Node) -> Any:
    if node.tag.startswith("!") and node.tag != "!":
        return _short_form(node)
    return _plain(node)


def _plain(node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        return [_value(child) for child in node.value]
    return _scalar(node)


def _mapping(node: yaml.MappingNode) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise format_error(f"YAML not well-formed. (line {key_node.start_mark.line + 1}, column 1)")
        key = str(key_node.value)
        if key in members:
            mark = key_node.start_mark
            raise format_error(
                f"YAML not well-formed. The key {key!r} is there twice. "
                f"(line {mark.line + 1}, column {mark.column + 1})"
            )
        members[key] = _value(value_node)
    return members


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    kind = node.tag.removeprefix(_NAMESPACE)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() in _TRUE
    if kind == "int" and _INTEGER.match(text):
        if len(text) > _MOST_DIGITS:
            raise format_error(f"YAML not well-formed. A number has more than {_MOST_DIGITS} digits.")
        return integer_value(text)
    if kind == "float" and _FLOAT.match(text):
        return decimal_value(text)
    return text  # dates, octal and sexagesimal numbers stay text


def _short_form(node: yaml.Node) -> dict[str, Any]:
    name = node.tag[1:]
    value = _plain_of_tagged(node)
    if name == "GetAtt" and isinstance(value, str):
        resource, _, attribute = value.partition(".")
        value = [resource, attribute]
    return {_SHORT_NAMES.get(name, f"Fn::{name}"): value}


def _plain_of_tagged(node: yaml.Node) -> Any:
    """Return the value of a tagged node.

    A tagged scalar is a string; an untagged one in a tagged list keeps its type.
    """
    return str(node.value) if isinstance(node, yaml.ScalarNode) else _plain(node)
