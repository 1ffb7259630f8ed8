"""What a Python function finds is what AWS has there: variables and import paths."""

from __future__ import annotations

import sys
import textwrap
from typing import Any

from function_rig import Functions

MINOR = f"python3.{sys.version_info.minor}"
OF_AWS = {
    "_HANDLER", "_X_AMZN_TRACE_ID", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_ADDRESS", "_AWS_XRAY_DAEMON_PORT", "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT", "LANG", "LD_LIBRARY_PATH", "PATH", "PWD", "PYTHONPATH", "SHLVL", "TZ",
}  # fmt: skip
OF_NIGHTBUS = {"AWS_DISABLE_HOST_PREFIX_INJECTION", "AWS_EC2_METADATA_DISABLED", "AWS_ENDPOINT_URL", "HOME"}
WORLD = """
    import os, sys
    import helper
    def handler(event, context):
        return {"variables": dict(os.environ), "path": sys.path, "cwd": os.getcwd(), "argv": sys.argv,
                "helper": helper.__file__, "boto3": __import__("boto3").__file__}
"""
WRAPPER = """#!/bin/bash
export ADDED=by-the-wrapper
args=("$@")
exec "${args[@]:0:$#-1}" -X dev "${args[@]: -1}"
"""


def standard() -> list[str]:
    version = f"{sys.version_info.major}{sys.version_info.minor}"
    lib = f"{sys.base_prefix}/lib"
    return [f"{lib}/python{version}.zip", f"{lib}/{MINOR}", f"{lib}/{MINOR}/lib-dynload"]


async def world(functions: Functions, **more: Any) -> dict[str, Any]:
    spec = functions.define(WORLD, {"helper.py": ""}, runtime=MINOR, **more)
    seen: dict[str, Any] = await functions.run(spec)
    return seen


async def test_the_variables_are_awss_and_four_of_nightbus(functions: Functions) -> None:
    seen = (await world(functions))["variables"]
    assert set(seen) == OF_AWS | OF_NIGHTBUS
    assert (seen["PYTHONPATH"], seen["PWD"], seen["SHLVL"]) == ("/var/runtime", "/var/task", "0")
    assert seen["AWS_XRAY_DAEMON_ADDRESS"] == "127.0.0.1:2000"


async def test_modules_are_looked_for_in_awss_order(functions: Functions) -> None:
    seen = await world(functions)
    layers = [f"/opt/python/lib/{MINOR}/site-packages", "/opt/python"]
    path = seen["path"]
    assert path[:3] == ["/var/task", *layers]
    assert (
        path[4] == "/var/runtime"
    )  # before it, in the place of /var/lang's site-packages, where boto3 comes from
    assert seen["boto3"].startswith(path[3])
    assert path[5:] == [*standard(), *layers]


async def test_a_path_of_its_own_takes_the_place_of_the_layers(functions: Functions) -> None:
    seen = await world(functions, environment={"PYTHONPATH": "/var/task/lib"})
    path = seen["path"]
    assert (path[0], path[2:4]) == ("/var/task", ["/var/runtime", "/var/task/lib"])
    assert path[-2:] == [f"/opt/python/lib/{MINOR}/site-packages", "/opt/python"]
    assert seen["variables"]["PYTHONPATH"] == "/var/task/lib"


async def test_a_wrapped_runtime_finds_the_same(functions: Functions) -> None:
    files = {"app.py": textwrap.dedent(WORLD), "helper.py": "", "wrapper": WRAPPER}
    digest = functions.package(files, mode=0o755)
    environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}
    spec = functions.define("", code_digest=digest, environment=environment, runtime=MINOR)
    seen = await functions.run(spec)
    variables = set(seen["variables"]) - {
        "LC_CTYPE"
    }  # which Python sets where the machine does not have en_US.UTF-8
    assert variables == OF_AWS | OF_NIGHTBUS | {"ADDED", "AWS_LAMBDA_EXEC_WRAPPER"}
    assert (seen["variables"]["SHLVL"], seen["variables"]["PYTHONPATH"]) == ("0", "/var/runtime")
    layers = [f"/opt/python/lib/{MINOR}/site-packages", "/opt/python"]
    assert seen["path"] == ["/var/task", *layers, "/var/runtime", *standard(), *layers]
