"""Resolves and validates the values of parameters. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.expressions import text_of
from nightbus.stacks.templates.java_patterns import MatchingTime, NotAPattern, TimeSpent, compile_java_pattern
from nightbus.stacks.templates.parameter_types import ParameterType, read_type
from nightbus.stacks.templates.syntax import format_error

MASK = "****"
MAX_VALUE = 4096
_MEMBERS = frozenset(
    [
        "AllowedPattern",
        "AllowedValues",
        "ConstraintDescription",
        "Default",
        "Description",
        "MaxLength",
        "MaxValue",
        "MinLength",
        "MinValue",
        "NoEcho",
        "Type",
    ]
)
_NAME = re.compile(r"[A-Za-z0-9]{1,255}$")


def check_declaration(name: str, declaration: Any) -> None:
    """Raise AwsError ValidationError if the declaration is invalid, or has a form that has no effect yet."""
    if not _NAME.match(name):
        raise format_error(f"Parameter name {name} is non alphanumeric.")
    if not isinstance(declaration, dict):
        raise format_error(f"[/Parameters/{name}] Every Parameters member must be an object.")
    kind = declaration.get("Type")
    if kind is None:
        raise format_error("Every Parameters object must contain a Type member.")
    unknown = [member for member in declaration if member not in _MEMBERS]
    if unknown:
        raise AwsError("ValidationError", f"Invalid template parameter property '{unknown[0]}'")
    if not isinstance(kind, str) or read_type(kind) is None:
        raise format_error(f"Unrecognized parameter type: {kind}")
    if not isinstance(declaration.get("AllowedValues", []), list):
        raise format_error(f"[/Parameters/{name}/AllowedValues] must be a list.")
    if isinstance(declaration.get("Default"), dict | list):
        raise format_error(f"Every Default member must be a string; that of {name} is none.")
    try:
        compile_java_pattern(str(declaration.get("AllowedPattern", "")))
    except NotAPattern as broken:
        raise format_error(
            f"AllowedPattern of parameter {name} is not a valid regular expression."
        ) from broken


def resolve(
    declarations: Mapping[str, Mapping[str, Any]],
    entries: Sequence[Mapping[str, Any]],
    previous: Mapping[str, str],
) -> dict[str, str]:
    """Return the text of every parameter: the request's, the previous one (`UsePreviousValue`), or the default.

    Raises AwsError ValidationError for a missing or an invalid value.
    """
    values: dict[str, str] = {}
    unknown: list[str] = []
    for entry in entries:
        name = str(entry.get("ParameterKey", ""))
        if name not in declarations:
            unknown.append(name)
        elif entry.get("UsePreviousValue"):
            if entry.get("ParameterValue"):
                raise AwsError(
                    "ValidationError",
                    f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and non "
                    "empty value for a parameter",
                )
            if name in previous:
                values[name] = previous[name]
        elif entry.get("ParameterValue") is None:
            raise AwsError(
                "ValidationError",
                f"Invalid input for parameter key {name}. Need to specify either usePreviousValue as true "
                "or a value for the parameter",
            )
        else:
            values[name] = str(entry["ParameterValue"])
    if unknown:
        raise AwsError("ValidationError", f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    for name, declaration in declarations.items():
        if name not in values and "Default" in declaration:
            values[name] = text_of(declaration["Default"], "Default")
    missing = [name for name in declarations if name not in values]
    if missing:
        raise AwsError("ValidationError", f"Parameters: [{', '.join(missing)}] must have values")
    matching = MatchingTime()
    for name, text in values.items():
        _check(name, declarations[name], text, matching)
    return values


def typed(declarations: Mapping[str, Mapping[str, Any]], texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that Ref evaluates to: lists for the list types, texts for the others."""
    return {
        name: _items(text) if type_of(declarations[name]).is_list else text
        for name, text in texts.items()
        if name in declarations
    }


def parameters_reply(
    declarations: Mapping[str, Mapping[str, Any]],
    texts: Mapping[str, str],
    resolved: Mapping[str, str] | None = None,
) -> list[dict[str, str]]:
    """Return the parameters for replies, with secrets masked. `resolved` has the values from Parameter Store."""
    replies = []
    for name, text in texts.items():
        secret = is_secret(declarations.get(name, {}))
        reply = {"ParameterKey": name, "ParameterValue": MASK if secret else text}
        if name in (resolved or {}):
            reply["ResolvedValue"] = MASK if secret else (resolved or {})[name]
        replies.append(reply)
    return replies


def is_secret(declaration: Mapping[str, Any]) -> bool:
    return str(declaration.get("NoEcho", "false")).lower() == "true"


def type_of(declaration: Mapping[str, Any]) -> ParameterType:
    return read_type(str(declaration["Type"])) or ParameterType("String")


def _items(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")] if text else []


def _check(name: str, declaration: Mapping[str, Any], text: str, matching: MatchingTime) -> None:
    if len(text.encode()) > MAX_VALUE:
        raise AwsError("ValidationError", f"Parameter '{name}' must be at most {MAX_VALUE} bytes")
    kind = type_of(declaration)
    parts = _items(text) if kind.is_list and not kind.stored else [text]
    for part in parts:
        problem = _problem(name, declaration, part, matching)
        if problem:
            described = declaration.get("ConstraintDescription")
            raise AwsError(
                "ValidationError",
                f"Parameter '{name}' failed to satisfy constraint: {described}" if described else problem,
            )


def _problem(name: str, declaration: Mapping[str, Any], text: str, matching: MatchingTime) -> str | None:
    kind = type_of(declaration)
    number = kind.is_number
    if number and _number(text) is None:
        return f"Parameter '{name}' must be a number."
    allowed = declaration.get("AllowedValues")
    if allowed is not None and text not in [text_of(value, "AllowedValues") for value in allowed]:
        return f"Parameter '{name}' must be one of AllowedValues"
    if "AllowedPattern" in declaration:
        pattern = str(declaration["AllowedPattern"])
        try:
            matched = matching.matches(pattern, text)
        except TimeSpent:
            raise AwsError(
                "ValidationError",
                f"The AllowedPattern of parameter {name} takes too long to match its value.",
            ) from None
        if not matched:
            return f"Parameter {name} failed to satisfy constraint: must match pattern {pattern}"
    if not kind.stored and not kind.fits(text):
        return f"Parameter validation failed: parameter value {text} for parameter name {name} does not exist"
    return _range_problem(name, declaration, text, number)


def _range_problem(name: str, declaration: Mapping[str, Any], text: str, number: bool) -> str | None:
    size = _number(text) if number else float(len(text))
    low, high, quantity = (
        ("MinValue", "MaxValue", "a value") if number else ("MinLength", "MaxLength", "length")
    )
    least, most = _number(declaration.get(low)), _number(declaration.get(high))
    if size is None:
        return None
    if least is not None and size < least:
        words = "not less than" if number else "at least"
        return f"Parameter '{name}' must have {quantity} {words} {declaration[low]}".replace(
            "a value ", "a number "
        )
    if most is not None and size > most:
        words = "not greater than" if number else "at most"
        return f"Parameter '{name}' must have {quantity} {words} {declaration[high]}".replace(
            "a value ", "a number "
        )
    return None


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
