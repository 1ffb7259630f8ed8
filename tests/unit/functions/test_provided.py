"""Functions that bring their own program: a compiled one, scripts, and what cannot be executed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from function_rig import Functions
from nightbus.functions.interface import FunctionSpec

SCRIPT = """#!/bin/sh
# What AWS's tutorial for custom runtimes shows, on bash and curl, in a shell and Python's standard library.
echo "started as $0 in $PWD, SIGPIPE $(grep SigIgn /proc/self/status)"
exec /usr/bin/env python3 -c '
import json, os, urllib.request as http
base = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
while True:
    with http.urlopen(base + "next") as reply:
        id, event = reply.headers["Lambda-Runtime-Aws-Request-Id"], json.load(reply)
    print("event", event, flush=True)
    http.urlopen(base + id + "/response", json.dumps([event, os.listdir("/opt")]).encode()).close()
'
"""


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    rustc = shutil.which("rustc")
    if rustc is None:
        pytest.skip("there is no rustc")
    target = tmp_path_factory.mktemp("rust") / "bootstrap"
    source = Path(__file__).with_name("bootstrap.rs")
    subprocess.run([rustc, "-O", "--edition", "2021", "-o", str(target), str(source)], check=True)
    return target.read_bytes()


def package(functions: Functions, files: Mapping[str, str | bytes], mode: int = 0o755) -> str:
    return functions.package(files, mode)


def provided(functions: Functions, digest: str, **settings: Any) -> FunctionSpec:
    settings = {"runtime": "provided.al2023", "handler": "my.handler", "timeout": 10, **settings}
    return functions.define("", code_digest=digest, **settings)


@pytest.mark.parametrize("runtime", ["provided.al2023", "provided.al2"])
async def test_a_compiled_program(functions: Functions, compiled: bytes, runtime: str) -> None:
    spec = provided(functions, package(functions, {"bootstrap": compiled}), runtime=runtime)
    assert await functions.run(spec, {"a": 1}) == {
        "event": {"a": 1},
        "handler": "my.handler",
        "execution": "none",
    }
    assert await functions.fail(spec, "fail") == {"errorType": "Rust.Error", "errorMessage": "asked to"}
    assert (await functions.run(spec, 2))["event"] == 2
    messages = functions.sink.messages
    system = runtime.removeprefix("provided.")
    assert messages[0].startswith(f"INIT_START Runtime Version: provided:{system}.v1\t")
    assert messages[1] == "started with /var/task/bootstrap\n"
    assert 'got {"a": 1}\n' in messages
    assert len(functions.sink.lines) == 1


async def test_a_script_of_a_layer(functions: Functions) -> None:
    layer = package(functions, {"bootstrap": SCRIPT, "lib/data": ""})
    spec = provided(functions, package(functions, {"function.sh": ""}), layers=(layer,))
    event, opt = await functions.run(spec, ["x"])
    assert event == ["x"]
    assert sorted(opt) == ["bootstrap", "lib"]
    first = functions.sink.messages[1]
    assert first.startswith("started as /opt/bootstrap in /var/task, SIGPIPE SigIgn:")
    assert int(first.rpartition("\t")[2], 16) & 1 << 12 == 0, "SIGPIPE ends a program, as it does by default"
    assert "event ['x']\n" in functions.sink.messages


@pytest.mark.parametrize(
    ("files", "mode", "reason"),
    [
        ({"other": "x"}, 0o755, "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"),
        ({"bootstrap": SCRIPT}, 0o644, "fork/exec /var/task/bootstrap: permission denied"),
        ({"bootstrap": "no program"}, 0o755, "fork/exec /var/task/bootstrap: exec format error"),
        ({"bootstrap": "#!/no/shell\n"}, 0o755, "fork/exec /var/task/bootstrap: no such file or directory"),
        (
            {"bootstrap/main": "x"},
            0o755,
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
        ),
    ],
)
async def test_what_cannot_be_executed(
    functions: Functions, files: dict[str, str | bytes], mode: int, reason: str
) -> None:
    spec = provided(functions, package(functions, files, mode))
    result = await functions.invoke(spec, 1, request_id="the-id")
    said = f"RequestId: the-id Error: {reason}"
    assert result.payload == f'{{"errorType":"Runtime.InvalidEntrypoint","errorMessage":"{said}"}}'.encode()
    assert result.error == "Unhandled"
    messages = [message.rstrip("\n") for message in functions.sink.messages]
    at = messages.index(said)
    assert messages[at + 1] == "Runtime.InvalidEntrypoint"
    assert "Status: error\tError Type: Runtime.InvalidEntrypoint" in messages[-1]


async def test_a_program_that_ends(functions: Functions) -> None:
    spec = provided(functions, package(functions, {"bootstrap": "#!/bin/sh\necho bye; exit 7\n"}))
    failure = await functions.fail(spec)
    assert failure["errorType"] == "Runtime.ExitError"
    assert failure["errorMessage"].endswith("Error: Runtime exited with error: exit status 7")
    assert "bye\n" in functions.sink.messages
