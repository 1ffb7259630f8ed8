"""Writes policies as YAML with the short forms of intrinsic functions, as people write them in templates."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_PLAIN = re.compile(r"[A-Za-z0-9_./$][\w./:${}*-]*")


def yaml_lines(value: Any, indent: str = "") -> Iterator[str]:
    """Yield the lines of a mapping or a list; the value of a member is a mapping, a list, or what fits on a line."""
    if isinstance(value, list):
        for one in value:
            first, *rest = yaml_lines(one) if _is_block(one) else [_scalar(one)]
            yield f"{indent}- {first}"
            yield from (f"{indent}  {line}" for line in rest)
        return
    for name, member in value.items():
        if _is_block(member):
            yield f"{indent}{name}:"
            yield from yaml_lines(member, indent + "  ")
        else:
            yield f"{indent}{name}: {_scalar(member)}"


def _is_block(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, Mapping) and not _intrinsic(value))


def _intrinsic(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)) in ("Ref", "Fn::Sub", "Fn::GetAtt")


def _scalar(value: Any) -> str:
    if isinstance(value, Mapping):
        ((name, argument),) = value.items()
        text = ".".join(argument) if isinstance(argument, list) else str(argument)
        return f"!{name.removeprefix('Fn::')} {_text(text)}"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    is_plain = _PLAIN.fullmatch(text) and not text.endswith(":") and not re.fullmatch(r"[\d.-]+", text)
    return (
        text if is_plain and text.lower() not in ("true", "false", "yes", "no", "null") else json.dumps(text)
    )
