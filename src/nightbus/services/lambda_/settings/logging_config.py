"""Validates a function's LoggingConfig, and merges a request's into it. Pure.

Source: https://docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.services.lambda_.errors import invalid_parameter_value

_LEVELS = ("ApplicationLogLevel", "SystemLogLevel")
_DEFAULT_LEVEL = "INFO"


def merged_logging(old: Mapping[str, Any], requested: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration where `requested` is asked of a function that has `old`. Raises AwsError.

    Only JSON has levels: they are INFO by default, and gone when the format becomes Text.
    """
    given = {member: value for member, value in requested.items() if value is not None}
    log_format = given.get("LogFormat", old["LogFormat"])
    group = given.get("LogGroup") or old["LogGroup"]
    if log_format == "JSON":
        levels = {level: given.get(level) or old.get(level) or _DEFAULT_LEVEL for level in _LEVELS}
        return {"LogFormat": log_format, **levels, "LogGroup": group}
    if any(level in given for level in _LEVELS):
        raise invalid_parameter_value(
            'LogLevel is not supported when LogFormat is set to "Text". Remove LogLevel from your request or change '
            'the LogFormat to "JSON" and try again.'
        )
    return {"LogFormat": log_format, "LogGroup": group}
