"""Makes a target's input for an event: a constant, a part of the event, a filled template, or the whole event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.bus.json_path import InvalidPath, find, parse_path
from nightbus.bus.json_text import parse_json, write_json
from nightbus.bus.template import fill, why_invalid

CHOICES = ("Input", "InputPath", "InputTransformer")
# <aws.events.event>, in AWS's order and with AWS's names.
_WITHOUT_DETAIL = ("id", "account", "detail-type", "time", "source", "region", "resources", "version")
_RENAMED = {"detail-type": "detailType"}


def render_input(
    target: Mapping[str, Any],
    event: Mapping[str, Any],
    *,
    rule_arn: str,
    rule_name: str,
    ingestion_time: str,
) -> str:
    """Return the input for a target that `validate_target_input` has accepted."""
    if target.get("Input") is not None:
        return str(target["Input"])
    if target.get("InputPath") is not None:
        values = _find(str(target["InputPath"]), event)
        return write_json(values[0] if values else None)
    transformer = target.get("InputTransformer")
    if transformer is None:
        return write_json(event)
    variables: dict[str, Any] = {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_name,
        "aws.events.event.ingestion-time": ingestion_time,
        "aws.events.event": {
            _RENAMED.get(name, name): event[name] for name in _WITHOUT_DETAIL if name in event
        },
        "aws.events.event.json": event,
    }
    for name, path in (transformer.get("InputPathsMap") or {}).items():
        if values := _find(path, event):
            variables[name] = values[0]
    return fill(transformer["InputTemplate"], variables)


def _find(path: str, event: Mapping[str, Any]) -> list[Any]:
    try:
        return find(parse_path(path), event)
    except InvalidPath:  # stored by a version in which PutTargets did not refuse it
        return []


def _is_path(text: str) -> bool:
    try:
        parse_path(text)
    except InvalidPath:
        return False
    return True


def validate_target_input(target: Mapping[str, Any]) -> str | None:
    """Return AWS's reason to refuse the target's Input, InputPath or InputTransformer; None if they are valid."""
    name = target.get("Id", "")
    if sum(target.get(choice) is not None for choice in CHOICES) > 1:
        return f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
    if (text := target.get("Input")) is not None:
        try:
            parse_json(text)
        except ValueError:
            return f"JSON syntax error in input for target {name}."
    transformer = target.get("InputTransformer") or {}
    input_paths = transformer.get("InputPathsMap") or {}
    paths = [*input_paths.values(), *filter(None, [target.get("InputPath")])]
    if not all(map(_is_path, paths)):
        return f"InputPath for target {name} is invalid."
    if transformer:
        return why_invalid(transformer.get("InputTemplate") or "", input_paths, str(name))
    return None
