"""Makes the environment variables that a function sees.

Source: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.functions.interface import Credentials, FunctionSpec

PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
_LIBRARIES = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
_XRAY_HOST, _XRAY_PORT = (
    "127.0.0.1",
    "2000",
)  # where X-Ray's own daemon listens, and its SDKs send to by default


def log_group(spec: FunctionSpec) -> str:
    return spec.log_group or f"/aws/lambda/{spec.name}"


def variables(
    spec: FunctionSpec,
    defaults: Mapping[str, str | None],
    *,
    stream: str,
    runtime_api: str,
    credentials: Credentials,
    endpoint: str,
) -> dict[str, str]:
    """What the platform sets, which the function cannot take away, the function's own, and the runtime's `defaults`,
    where a None stands for a variable that this runtime does not have.
    """
    merged: dict[str, str | None] = {
        "LANG": "en_US.UTF-8",
        "LD_LIBRARY_PATH": _LIBRARIES,
        "HOME": "/home/sbx_user1051",  # so that no ~/.aws of this machine is read
        "PATH": PATH,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{spec.runtime}",
        **defaults,
        **spec.environment,
        **_logging(spec),
        "_HANDLER": spec.handler,
        "AWS_REGION": spec.scope.region,
        "AWS_DEFAULT_REGION": spec.scope.region,
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory),
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": spec.initialization,
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group(spec),
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "AWS_LAMBDA_RUNTIME_API": runtime_api,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.session_token,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # some operations are sent to `prefix-` and the endpoint's host
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": f"{_XRAY_HOST}:{_XRAY_PORT}",
        "_AWS_XRAY_DAEMON_ADDRESS": _XRAY_HOST,
        "_AWS_XRAY_DAEMON_PORT": _XRAY_PORT,
        "TZ": ":UTC",
    }
    return {name: value for name, value in merged.items() if value is not None}


def _logging(spec: FunctionSpec) -> dict[str, str]:
    """A runtime logs JSON, from that level on, where these are set."""
    if spec.log_format != "JSON":
        return {}
    return {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": spec.application_log_level}
