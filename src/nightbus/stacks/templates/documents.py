"""Parses the text of a template into plain values: JSON here, YAML in `yaml_documents`.

It checks the syntax only; `template.py` checks what the values mean.
"""

from __future__ import annotations

import json
import re
from typing import Any

from nightbus.stacks.templates.syntax import MAX_DEPTH, decimal_value, format_error, integer_value

_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # the escape of half a surrogate pair


def parse_template_text(text: str) -> dict[str, Any]:
    """Parse a template's text. Raises AwsError ValidationError with CloudFormation's texts."""
    value = parse_text(text)
    if not isinstance(value, dict):
        raise format_error("unsupported structure.")
    return value


def parse_text(text: str) -> Any:
    """Parse JSON or YAML. Raises AwsError ValidationError with CloudFormation's texts."""
    if text.lstrip().startswith(("{", "[")):
        value = read_json(text)
    else:
        from nightbus.stacks.templates.yaml_documents import read_yaml  # with 18 ms of imports

        value = read_yaml(text)
    return value


def read_json(text: str) -> Any:
    """Parse JSON whose values the store can keep and a reply can have. Raises AwsError ValidationError otherwise."""
    try:
        value = json.loads(
            text,
            object_pairs_hook=_no_duplicates,
            parse_constant=_no_constant,
            parse_int=integer_value,
            parse_float=decimal_value,
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


def _refuse_halves(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as broken:
        raise format_error("JSON not well-formed. It has half of a character.") from broken


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise format_error(f"JSON not well-formed. The key {twice!r} is there twice.")
    return members


def _no_constant(name: str) -> Any:
    raise format_error(f"JSON not well-formed. {name} is no JSON value.")


def _check_depth(value: Any, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise format_error("JSON not well-formed. It is nested too deeply.")
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for child in children:
        if isinstance(child, dict | list):
            _check_depth(child, depth + 1)
