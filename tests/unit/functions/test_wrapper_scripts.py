"""Wrapper scripts (AWS_LAMBDA_EXEC_WRAPPER): they start the runtime with more options, or with another environment."""

from __future__ import annotations

import shutil

import pytest

from function_rig import Functions

# As in https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html: options go before the last argument.
WRAPPER = """#!/bin/bash
echo "wrapped $#"
args=("$@")
extra_args=(%s)
args=("${args[@]:0:$#-1}" "${extra_args[@]}" "${args[@]: -1}")
export SEEN=wrapper
exec "${args[@]}"
"""
PYTHON = """import os, sys, boto3, shared
def handler(event, context):
    print("line one")
    return [event, sys.flags.utf8_mode, os.environ["SEEN"], shared.__file__, sys.path[0], os.environ["PYTHONPATH"]]
"""


async def test_python_is_started_by_a_wrapper_script(functions: Functions) -> None:
    layer = functions.package({"python/shared.py": ""})
    digest = functions.package({"app.py": PYTHON, "wrapper": WRAPPER % '"-X" "utf8"'}, mode=0o755)
    environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/var/task/wrapper"}
    spec = functions.define("", code_digest=digest, environment=environment, layers=(layer,), timeout=10)
    answer = await functions.run(spec, 1)
    assert answer == [1, 1, "wrapper", "/opt/python/shared.py", "/var/task", "/var/runtime"]
    assert await functions.run(spec, 2) == [2, *answer[1:]]
    assert "wrapped 2\n" in functions.sink.messages
    assert "line one\n" in functions.sink.messages


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
async def test_node_is_started_by_a_wrapper_script_of_a_layer(functions: Functions) -> None:
    layer = functions.package({"wrapper": WRAPPER % '"--title=mine"'}, mode=0o755)
    code = "exports.handler = async () => [process.title, process.env.SEEN]"
    settings = {
        "runtime": "nodejs20.x",
        "handler": "index.handler",
        "layers": (layer,),
        "timeout": 10,
        "memory": 256,
    }
    environment = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrapper"}
    spec = functions.define("", {"index.js": code}, environment=environment, **settings)
    assert await functions.run(spec) == ["mine", "wrapper"]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/opt/none", 127, "/opt/none: does not exist\n"),
        ("/var/task/data.bin", 126, "/var/task/data.bin: is not an executable\n"),
    ],
)
async def test_a_wrapper_script_that_cannot_be_executed(
    functions: Functions, path: str, status: int, said: str
) -> None:
    digest = functions.package(
        {"app.py": "def handler(event, context): return 1", "data.bin": "x"}, mode=0o644
    )
    spec = functions.define("", code_digest=digest, environment={"AWS_LAMBDA_EXEC_WRAPPER": path}, timeout=10)
    failure = await functions.fail(spec)
    assert failure["errorType"] == "Runtime.ExitError"
    assert failure["errorMessage"].endswith(f"Error: Runtime exited with error: exit status {status}")
    assert said in functions.sink.messages
