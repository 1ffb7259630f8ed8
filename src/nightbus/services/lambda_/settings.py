"""Checks a function's configuration, and makes the stored one of the wire values. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.aws.support import runs
from nightbus.services.lambda_.errors import invalid, out_of_range

_LONGEST_TIMEOUT = 900
_MOST_MEMORY = 10_240
_MOST_ENVIRONMENT = 4096
_RETIRED_RUNTIMES = ("python2.7", "python3.6")
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
    """`config` with `changes` (members of the request, None where not given). Raises AwsError."""
    given = {member: value for member, value in changes.items() if value is not None}
    new = dict(config)
    for member in ("Role", "Description", "Handler", "EphemeralStorage", "Architectures"):
        if member in given:
            new[member] = given[member]
    if "Runtime" in given:
        new["Runtime"] = _runtime(given["Runtime"], operation)
    for member, most in (("Timeout", _LONGEST_TIMEOUT), ("MemorySize", _MOST_MEMORY)):
        if member in given:
            new[member] = _at_most(member, given[member], most)
    if "Environment" in given:
        _set_environment(new, given["Environment"].get("Variables") or {})
    if "TracingConfig" in given:
        # As on AWS the trace header is passed on; what is collected from it is another service's.
        new["TracingConfig"] = {"Mode": given["TracingConfig"].get("Mode", "PassThrough")}
    if "LoggingConfig" in given:
        new["LoggingConfig"] = _logging(config["LoggingConfig"], given["LoggingConfig"], operation)
    if "DeadLetterConfig" in given:
        _set_dead_letters(new, given["DeadLetterConfig"].get("TargetArn") or "")
    _refuse_what_has_no_effect(given, operation)
    return new


def _set_dead_letters(config: dict[str, Any], target: str) -> None:
    """An empty target says "none", as on AWS."""
    config.pop("DeadLetterConfig", None)
    if target:
        if not target.startswith(("arn:aws:sqs:", "arn:aws:sns:")):
            raise invalid(f"The provided target ARN {target} is not supported: a queue or a topic is wanted.")
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
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
    }


def _runtime(runtime: str, operation: str) -> str:
    if not runs(runtime):
        raise not_supported("lambda", operation, f"Runtime {runtime}")
    if runtime in _RETIRED_RUNTIMES:
        raise invalid(
            f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda "
            "functions. We recommend you use a supported runtime while creating or updating functions."
        )
    return runtime


def _at_most(member: str, value: int, most: int) -> int:
    if value > most:
        name = member[0].lower() + member[1:]
        raise out_of_range(name, value, f"Member must have value less than or equal to {most}")
    return value


def _set_environment(config: dict[str, Any], variables: Mapping[str, str]) -> None:
    unable = (
        "Lambda was unable to configure your environment variables because the environment variables you have "
        "provided"
    )
    reserved = [key for key in variables if key in _RESERVED_VARIABLES]
    if reserved:
        raise invalid(
            f"{unable} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    measured = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if len(measured.encode("utf-8", "replace")) > _MOST_ENVIRONMENT:
        raise invalid(f"{unable} exceeded the 4KB limit. String measured: {measured}")
    config.pop("Environment", None)
    if variables:
        config["Environment"] = {"Variables": dict(variables)}


def _logging(old: Mapping[str, Any], given: Mapping[str, Any], operation: str) -> dict[str, Any]:
    if given.get("LogFormat", "Text") != "Text":
        raise not_supported("lambda", operation, f"LoggingConfig.LogFormat {given['LogFormat']}")
    for member in ("ApplicationLogLevel", "SystemLogLevel"):
        if given.get(member) is not None:
            raise not_supported("lambda", operation, f"LoggingConfig.{member}")
    return {"LogFormat": "Text", "LogGroup": given.get("LogGroup", old["LogGroup"])}


def _refuse_what_has_no_effect(given: Mapping[str, Any], operation: str) -> None:
    """Empty values say "none of that", which is so; templates and consoles send them."""
    for member in ("VpcConfig", "KMSKeyArn", "FileSystemConfigs"):
        if _says_something(given.get(member)):
            raise not_supported("lambda", operation, member)
    if given.get("SnapStart", {}).get("ApplyOn", "None") != "None":
        raise not_supported("lambda", operation, f"SnapStart {given['SnapStart']['ApplyOn']}")
    if given.get("PackageType", "Zip") != "Zip":
        raise not_supported("lambda", operation, f"PackageType {given['PackageType']}")


def _says_something(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_says_something(one) for one in value.values())
    return bool(value)
