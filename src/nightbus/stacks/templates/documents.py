"""Parses the text of a template into plain values: YAML with CloudFormation's short forms, or JSON.

Only syntax: what the values mean is `template.py`'s question. Aliases are refused as CloudFormation refuses them,
which also bounds what a small text can unfold to.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any

import yaml

from nightbus.aws.errors import AwsError

MAX_DEPTH = 200
_SHORT_NAMES = {"Ref": "Ref", "Condition": "Condition"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)$")
_FLOAT = re.compile(r"[-+]?[0-9]+\.[0-9]*([eE][-+]?[0-9]+)?$")
_TRUE = frozenset({"true", "yes", "on"})
_LIBYAML_TOO_DEEP = "exceeded maximum nesting depth"  # from 0.2.6 on, its scanner counts before our own look
_NAMESPACE = "tag:yaml.org,2002:"
_MOST_DIGITS = 4300  # as many as `int` and `json` read
_LEAST, _MOST = -(2**63), 2**64 - 1  # what the store keeps as a number
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # the escape of one half of a character


def format_error(message: str) -> AwsError:
    return AwsError("ValidationError", f"Template format error: {message}")


def read_document(text: str) -> dict[str, Any]:
    """Raises AwsError ValidationError with CloudFormation's words."""
    value = _read_json(text) if text.lstrip().startswith(("{", "[")) else _read_yaml(text)
    if not isinstance(value, dict):
        raise format_error("unsupported structure.")
    return value


def _read_json(text: str) -> Any:
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_decimal,
        )
    except json.JSONDecodeError as broken:
        raise format_error(f"JSON not well-formed. (line {broken.lineno}, column {broken.colno})") from broken
    except ValueError as broken:
        raise format_error("JSON not well-formed. A number has too many digits.") from broken
    except RecursionError as deep:
        raise format_error("JSON not well-formed. It is nested too deeply.") from deep
    _check_depth(value, 0)
    if _HALF.search(text):
        _refuse_halves(value)
    return value


def _integer(text: str) -> int | str:
    """A number that cannot be kept stays what was written, as a template may write every number as a string."""
    number = int(text)
    return number if _LEAST <= number <= _MOST else text


def _decimal(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _refuse_halves(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as broken:
        raise format_error("JSON not well-formed. It has half of a character.") from broken


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise format_error(f"JSON not well-formed. The key {twice!r} is there twice.")
    return found


def _no_constant(name: str) -> Any:
    raise format_error(f"JSON not well-formed. {name} is no JSON value.")


def _check_depth(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise format_error("JSON not well-formed. It is nested too deeply.")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        if isinstance(child, dict | list):
            _check_depth(child, depth + 1)


def _read_yaml(text: str) -> Any:
    try:
        _refuse_deep_or_aliased(text)
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as broken:
        if broken.problem == _LIBYAML_TOO_DEEP:
            raise format_error("YAML not well-formed. It is nested too deeply.") from broken
        mark = broken.problem_mark or broken.context_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise format_error(f"YAML not well-formed.{where}") from broken
    except yaml.YAMLError as broken:
        raise format_error("YAML not well-formed.") from broken
    return None if node is None else _value(node)


def _refuse_deep_or_aliased(text: str) -> None:
    """Looks at the stream of events, before anything is built from it."""
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
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise format_error(f"YAML not well-formed. (line {key_node.start_mark.line + 1}, column 1)")
        key = str(key_node.value)
        if key in found:
            mark = key_node.start_mark
            raise format_error(
                f"YAML not well-formed. The key {key!r} is there twice. "
                f"(line {mark.line + 1}, column {mark.column + 1})"
            )
        found[key] = _value(value_node)
    return found


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
        return _integer(text)
    if kind == "float" and _FLOAT.match(text):
        return _decimal(text)
    return text  # dates, octal and sexagesimal numbers stay what was written


def _short_form(node: yaml.Node) -> dict[str, Any]:
    name = node.tag[1:]
    value = _plain_of_tagged(node)
    if name == "GetAtt" and isinstance(value, str):
        resource, _, attribute = value.partition(".")
        value = [resource, attribute]
    return {_SHORT_NAMES.get(name, f"Fn::{name}"): value}


def _plain_of_tagged(node: yaml.Node) -> Any:
    """A tagged scalar is a string; an untagged one inside a tagged list keeps its kind."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else _plain(node)
