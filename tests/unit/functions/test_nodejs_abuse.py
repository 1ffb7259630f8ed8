"""Functions in JavaScript that do too much, or go on after their answer; and machines without Node.js."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from function_rig import Functions
from nightbus.aws.errors import AwsError
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.runtimes import nodejs

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")


def javascript(functions: Functions, code: str, **settings: Any) -> FunctionSpec:
    settings = {"runtime": "nodejs20.x", "handler": "index.handler", "timeout": 20, "memory": 256, **settings}
    return functions.define("", {"index.js": code}, **settings)


@pytest.mark.parametrize("runtime", ["nodejs20.x", "nodejs24.x"])
async def test_a_response_that_is_too_large_fails_and_the_next_one_does_not(
    functions: Functions, runtime: str
) -> None:
    spec = javascript(functions, "exports.handler = async (size) => 'x'.repeat(size)", runtime=runtime)
    failure = await functions.fail(spec, 6_300_000)
    assert failure["errorType"] == "Function.ResponseSizeTooLarge"
    assert len(await functions.run(spec, 6_291_500)) == 6_291_500
    assert len(functions.sink.lines) == 1


async def test_a_flood_of_log_is_cut_and_does_not_fail_the_function(functions: Functions) -> None:
    code = """exports.handler = async () => {
        process.stdout.write('begun\\n')
        const line = 'x'.repeat(10000)
        for (let i = 0; i < 3000; i++) console.log(line)
        return 'done' }"""
    spec = javascript(functions, code)
    assert await functions.run(spec) == "done"
    assert any("the rest is dropped" in message for message in functions.sink.messages)


async def test_what_goes_on_after_the_answer_is_of_the_next_invocation(functions: Functions) -> None:
    code = """let ticks = 0; setInterval(() => { ticks++ }, 1)
      exports.handler = async (event) => {
        if (event) setTimeout(() => { throw new Error('left behind') }, 20)
        const before = ticks; await new Promise((done) => setTimeout(done, 10)); return ticks > before }"""
    spec = javascript(functions, code)
    assert await functions.run(spec) is True
    assert await functions.run(spec, "throw later") is True
    for _ in range(
        50
    ):  # the environment ends at once or within an invocation, and another one takes its place
        result = await functions.invoke(spec)
        if result.error is None and len(functions.sink.lines) == 2:
            break
        assert result.error is None or b"left behind" in result.payload or b"exit status" in result.payload
    assert len(functions.sink.lines) == 2


async def test_an_answer_together_with_an_error_that_nobody_caught_does_not_keep_the_process(
    functions: Functions,
) -> None:
    code = """let count = 0
      exports.handler = (event, context, callback) => {
        count++
        if (event) setTimeout(() => { setImmediate(() => context.succeed(count)); throw new Error('x') }, 1)
        else context.succeed(count) }"""
    spec = javascript(functions, code)
    assert await functions.run(spec) == 1
    assert (await functions.invoke(spec, "throw")).error == "Unhandled"
    assert await functions.run(spec) == 1


async def test_more_memory_than_the_function_has(functions: Functions) -> None:
    code = """exports.handler = async (event) => {
        const held = []; for (;;) held.push(Buffer.alloc(20e6, 1)) && await new Promise(setImmediate) }"""
    failure = await functions.fail(javascript(functions, code))
    assert failure["errorType"] in ("Runtime.OutOfMemory", "Runtime.ExitError")
    assert "signal: killed" in failure["errorMessage"]


async def test_the_heap_has_the_size_of_the_memory(functions: Functions) -> None:
    code = "exports.handler = async () => require('v8').getHeapStatistics().heap_size_limit / 2 ** 20"
    assert 100 <= await functions.run(javascript(functions, code, memory=128)) <= 150
    assert 900 <= await functions.run(javascript(functions, code, memory=1024)) <= 1200


async def test_a_machine_without_node_says_what_is_missing(
    functions: Functions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(nodejs, "_PLACES", (str(tmp_path / "node"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    shim = tmp_path / "node"
    shim.write_text("#!/bin/sh\nexit 127\n")  # as a version manager leaves it
    shim.chmod(0o755)
    with pytest.raises(
        AwsError, match=r"nodejs20\.x needs Node\.js 18 or newer, which is not on this machine"
    ):
        await functions.invoke(javascript(functions, "exports.handler = 1"))


async def test_the_same_package_of_another_set_of_layers_is_its_own(functions: Functions) -> None:
    one, two = (
        functions.package({"nodejs/node_modules/it/index.js": f"module.exports = {number}"})
        for number in (1, 2)
    )
    code = "exports.handler = async () => require('it')"
    assert await functions.run(javascript(functions, code, layers=(one,))) == 1
    assert await functions.run(javascript(functions, code, layers=(two,), name="g")) == 2
    assert json.loads((await functions.invoke(javascript(functions, code, layers=(one, two)))).payload) == 2
