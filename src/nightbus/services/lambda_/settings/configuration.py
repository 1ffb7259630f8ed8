"""Validates the configuration of functions, and merges requests into the stored configuration. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import last_part
from nightbus.aws.errors import not_supported
from nightbus.aws.support import is_retired_runtime, is_supported_runtime
from nightbus.services.lambda_.errors import beyond_limit, invalid_parameter_value
from nightbus.services.lambda_.settings.logging_config import merged_logging
from nightbus.services.lambda_.settings.snap_start import check_snap_start, snap_start

_LONGEST_TIMEOUT = 900
_MOST_MEMORY = 10_240
_MOST_ENVIRONMENT = 4096
_RESERVED_VARIABLES = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)


def configured(config: Mapping[str, Any], changes: Mapping[str, Any], operation: str) -> dict[str, Any]:
    """Return `config` with `changes`, the request's members, of which None stands for an omitted one.

    Raises AwsError.
    """
    requested = {member: value for member, value in changes.items() if value is not None}
    new = dict(config)
    for member in ("Role", "Description", "Handler", "EphemeralStorage", "Architectures"):
        if member in requested:
            new[member] = requested[member]
    if "Runtime" in requested:
        new["Runtime"] = _runtime(requested["Runtime"], operation)
    for member, most in (("Timeout", _LONGEST_TIMEOUT), ("MemorySize", _MOST_MEMORY)):
        if member in requested:
            new[member] = _at_most(member, requested[member], most)
    if "Environment" in requested:
        _set_environment(new, requested["Environment"].get("Variables") or {})
    if "TracingConfig" in requested:
        # As on AWS the trace header is passed on. Collecting traces is another service's task (X-Ray).
        new["TracingConfig"] = {"Mode": requested["TracingConfig"].get("Mode", "PassThrough")}
    if "LoggingConfig" in requested:
        new["LoggingConfig"] = merged_logging(config["LoggingConfig"], requested["LoggingConfig"])
    if "KMSKeyArn" in requested:
        new.pop("KMSKeyArn", None)
        if requested["KMSKeyArn"]:
            new["KMSKeyArn"] = requested["KMSKeyArn"]
    if "DeadLetterConfig" in requested:
        _set_dead_letters(new, requested["DeadLetterConfig"].get("TargetArn") or "")
    if "SnapStart" in requested:
        new["SnapStart"] = snap_start(requested["SnapStart"].get("ApplyOn") or "None")
    check_snap_start(new)
    _refuse_what_has_no_effect(requested, operation)
    return new


def _set_dead_letters(config: dict[str, Any], target: str) -> None:
    """Set the dead-letter target. An empty one removes it, as on AWS."""
    config.pop("DeadLetterConfig", None)
    if target:
        if not target.startswith(("arn:aws:sqs:", "arn:aws:sns:")) or not last_part(target):
            raise invalid_parameter_value(
                f"The provided target ARN {target} is not supported: a queue or a topic is wanted."
            )
        config["DeadLetterConfig"] = {"TargetArn": target}


def defaults(name: str, arn: str) -> dict[str, Any]:
    return {
        "FunctionName": name,
        "FunctionArn": arn,
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": snap_start("None"),
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
    }


def _runtime(runtime: str, operation: str) -> str:
    if not is_supported_runtime(runtime):
        raise not_supported("lambda", operation, f"Runtime {runtime}")
    if is_retired_runtime(runtime):
        raise invalid_parameter_value(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )
    return runtime


def _at_most(member: str, value: int, most: int) -> int:
    if value > most:
        name = member[0].lower() + member[1:]
        raise beyond_limit(name, value, f"Member must have value less than or equal to {most}")
    return value


def _set_environment(config: dict[str, Any], variables: Mapping[str, str]) -> None:
    unable = (
        "Lambda was unable to configure your environment variables because the environment variables you have "
        "provided"
    )
    reserved = [key for key in variables if key in _RESERVED_VARIABLES]
    if reserved:
        raise invalid_parameter_value(
            f"{unable} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode("utf-8", "replace")) > _MOST_ENVIRONMENT:
        raise invalid_parameter_value(f"{unable} exceeded the 4KB limit. String measured: {measured}")
    config.pop("Environment", None)
    if variables:
        config["Environment"] = {"Variables": dict(variables)}


def _refuse_what_has_no_effect(requested: Mapping[str, Any], operation: str) -> None:
    """Raise AwsError for settings without effect, unless they are empty, as templates and consoles send them."""
    for member in ("VpcConfig", "FileSystemConfigs"):
        if _says_something(requested.get(member)):
            raise not_supported("lambda", operation, member)
    if requested.get("PackageType", "Zip") != "Zip":
        raise not_supported("lambda", operation, f"PackageType {requested['PackageType']}")


def _says_something(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_says_something(one) for one in value.values())
    return bool(value)
