"""Functions in JavaScript: what a handler may be, what it is called with, and what comes back."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from typing import Any

import pytest

from function_rig import ARN, Functions
from nightbus.functions.interface import FunctionSpec
from shown_folders import shown_in_tmp

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
LATER = "const later = (value) => new Promise((resolve) => setTimeout(resolve, 20, value));\n"


def javascript(
    functions: Functions,
    code: str | Mapping[str, str | bytes],
    handler: str = "index.handler",
    **settings: Any,
) -> FunctionSpec:
    files = {"index.js": code} if isinstance(code, str) else code
    settings = {"runtime": "nodejs20.x", "handler": handler, "timeout": 10, "memory": 256, **settings}
    return functions.define("", files, **settings)


async def test_an_async_handler_gets_its_event_and_returns_its_result(functions: Functions) -> None:
    code = "let n = 0; exports.handler = async (event) => ({ got: event, n: ++n })"
    spec = javascript(functions, code)
    assert await functions.run(spec, {"a": [1, "ü"]}) == {"got": {"a": [1, "ü"]}, "n": 1}
    assert await functions.run(spec, None) == {"got": None, "n": 2}
    large = "é" * 1_000_000
    assert await functions.run(spec, large) == {"got": large, "n": 3}
    assert len(functions.sink.lines) == 1, "all ran in one environment"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("exports.handler = (event, context, callback) => callback(null, event)", 1),
        (LATER + "exports.handler = (e, c, callback) => { later(2).then((two) => callback(null, two)) }", 2),
        (LATER + "exports.handler = (e) => later(3)", 3),
        ("exports.handler = (e, context) => context.succeed(4)", 4),
        ("exports.handler = (e, context) => { context.done(null, 5); context.fail('too late') }", 5),
        ("exports.handler = () => 6", None),
        ("exports.handler = () => { setTimeout(() => {}, 20) }", None),
        ("exports.handler = async () => undefined", None),
        ("exports.handler = async () => () => 1", None),
        (
            """exports.handler = (e, context, callback) => {
                 const started = Date.now(); let waited = false
                 setTimeout(() => { waited = true }, 30)
                 callback(null, { get waited() { return waited } })
               }""",
            {"waited": True},
        ),
        (
            """exports.handler = (e, context, callback) => {
                 context.callbackWaitsForEmptyEventLoop = false
                 setInterval(() => {}, 1000)
                 callback(null, 'at once')
               }""",
            "at once",
        ),
    ],
)
async def test_each_way_to_end_an_invocation(functions: Functions, code: str, expected: Any) -> None:
    spec = javascript(functions, code)
    assert [await functions.run(spec, 1), await functions.run(spec, 1)] == [expected, expected]


@pytest.mark.parametrize(
    ("files", "handler"),
    [
        (
            {"index.mjs": "const up = await Promise.resolve('ok'); export const handler = async () => up"},
            "index.handler",
        ),
        ({"index.cjs": "exports.handler = async () => 'ok'"}, "index.handler"),
        (
            {"package.json": '{"type": "module"}', "src/app.js": "export const handler = async () => 'ok'"},
            "src/app.handler",
        ),
        ({"dir/index.js": "exports.mod = { handler: async () => 'ok' }"}, "dir/index.mod.handler"),
        ({"node_modules/pkg/index.js": "exports.handler = async () => 'ok'"}, "pkg.handler"),
        (
            {
                "index.mjs": "import pkg from 'pkg'; import { readFileSync } from 'node:fs';"
                "export const handler = async () => pkg + readFileSync('data.txt', 'utf8')",
                "node_modules/pkg/package.json": '{"main": "main.js"}',
                "node_modules/pkg/main.js": "module.exports = 'o'",
                "data.txt": "k",
            },
            "index.handler",
        ),
    ],
)
@pytest.mark.parametrize("runtime", ["nodejs20.x", "nodejs24.x"])
async def test_modules_of_either_kind_and_nested_handlers(
    functions: Functions, files: dict[str, str | bytes], handler: str, runtime: str
) -> None:
    assert await functions.run(javascript(functions, files, handler, runtime=runtime)) == "ok"


async def test_a_folder_is_a_module_before_node_24(functions: Functions) -> None:
    files = {"lib/index.js": "exports.handler = async () => 'ok'"}
    assert await functions.run(javascript(functions, files, "lib.handler")) == "ok"
    failure = await functions.fail(javascript(functions, files, "lib.handler", runtime="nodejs24.x"))
    assert "Directory import" in failure["errorMessage"]


async def test_the_context_says_all_about_the_invocation(functions: Functions) -> None:
    code = """exports.handler = async (event, context) => ({
        ...context, remaining: context.getRemainingTimeInMillis(), waits: context.callbackWaitsForEmptyEventLoop,
        kinds: ['done', 'succeed', 'fail'].map((name) => typeof context[name]), trace: process.env._X_AMZN_TRACE_ID,
    })"""
    spec = javascript(functions, code, name="c", timeout=7, memory=300)
    result = await functions.invoke(
        spec, {}, request_id="an-id", client_context='{"custom": {"ü": 1}}', trace="Root=1-x"
    )
    context = json.loads(result.payload)
    assert 0 < context.pop("remaining") <= 7000
    assert context.pop("logStreamName") == result.log_stream
    assert context == {
        "callbackWaitsForEmptyEventLoop": True,
        "functionVersion": "$LATEST",
        "functionName": "c",
        "memoryLimitInMB": "300",
        "logGroupName": "/aws/lambda/c",
        "clientContext": {"custom": {"ü": 1}},
        "invokedFunctionArn": ARN,
        "awsRequestId": "an-id",
        "waits": True,
        "kinds": ["function"] * 3,
        "trace": "Root=1-x",
    }


async def test_from_node_24_on_handlers_take_no_callback(functions: Functions) -> None:
    taking = javascript(
        functions, "exports.handler = (e, c, callback) => callback(null, 1)", runtime="nodejs24.x"
    )
    failure = await functions.fail(taking)
    assert failure["errorType"] == "Runtime.CallbackHandlerDeprecated"
    assert "has removed support for callback-based function handlers" in failure["errorMessage"]
    code = "exports.handler = (event, context) => [event, context.done ?? null]"
    returning = javascript(functions, code, runtime="nodejs24.x")
    assert await functions.run(returning, "value") == ["value", None]


async def test_what_a_function_finds_around_it(functions: Functions) -> None:
    code = """const fs = require('fs'), { execFileSync } = require('child_process')
      exports.handler = async () => ({ env: process.env, cwd: process.cwd(), argv: process.execArgv,
        runtime: fs.readdirSync('/var/runtime'), tmp: fs.readdirSync('/tmp'), gc: typeof gc,
        node: execFileSync('node', ['--version']).toString().trim() === process.version,
        module: require('from-layer') })"""
    layer = functions.package(
        {
            "nodejs/node_modules/from-layer/index.js": "module.exports = 'required'",
        }
    )
    around = await functions.run(javascript(functions, code, layers=(layer,), environment={"MINE": "1"}))
    env = around["env"]
    assert around["cwd"] == env["LAMBDA_TASK_ROOT"] == env["PWD"] == "/var/task"
    assert (env["LAMBDA_RUNTIME_DIR"], env["MINE"]) == ("/var/runtime", "1")
    assert env["AWS_EXECUTION_ENV"] == "AWS_Lambda_nodejs20.x"
    assert env["NODE_PATH"] == (
        "/opt/nodejs/node20/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"
    )
    assert not {"TMPDIR", "PYTHONPATH", "_LAMBDA_TELEMETRY_LOG_FD", "NIGHTBUS_LAYERS"} & set(env)
    assert "index.cjs" in around["runtime"]
    assert around["tmp"] == shown_in_tmp()
    assert (around["gc"], around["node"], around["module"]) == ("function", True, "required")
    assert around["argv"][:5] == [
        "--expose-gc", "--max-http-header-size", "81920", "--max-semi-space-size=12", "--max-old-space-size=231",
    ]  # fmt: skip


async def test_import_finds_layers(functions: Functions) -> None:
    package: dict[str, str | bytes] = {
        "it/package.json": '{"exports": {"import": "./i.mjs", "default": "./d.js"}}',
        "it/d.js": "module.exports = 'required'",
        "it/i.mjs": "export default 'imported'",
    }
    module = {"index.mjs": "import it from 'it'; export const handler = async () => it"}
    common = {"index.js": "exports.handler = async () => [require('it'), (await import('it')).default]"}
    for folder in ("nodejs/node_modules", "nodejs/node20/node_modules"):
        layer = functions.package({f"{folder}/{name}": content for name, content in package.items()})
        assert await functions.run(javascript(functions, module, layers=(layer,))) == "imported"
        if folder == "nodejs/node_modules":
            spec = javascript(functions, common, layers=(layer,))
            assert await functions.run(spec) == ["required", "imported"]


async def test_layers_are_found_without_a_sandbox(
    functions: Functions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nightbus.functions.runner.visible_paths", lambda runtime, folder: None)
    layer = functions.package({"nodejs/node_modules/it/index.js": "module.exports = 'found'"})
    code = "exports.handler = async () => [require('it'), __dirname === process.env.LAMBDA_TASK_ROOT]"
    assert await functions.run(javascript(functions, code, layers=(layer,))) == ["found", True]


async def test_source_maps_and_options_of_node(functions: Functions) -> None:
    source = {
        "version": 3,
        "sources": ["app.ts"],
        "names": [],
        "mappings": "AAAA;AAAA",
        "sourcesContent": ["x\n"],
    }
    files = {
        "index.js": "exports.handler = async () => {\nthrow new Error('mapped') }\n//# sourceMappingURL=index.js.map",
        "index.js.map": json.dumps(source),
    }
    environment = {"NODE_OPTIONS": "--enable-source-maps --max-old-space-size=100"}
    failure = await functions.fail(javascript(functions, files, environment=environment))
    assert "app.ts:1" in failure["trace"][1]


async def test_init_start_says_which_node_and_a_missing_one_is_replaced(functions: Functions) -> None:
    code = "exports.handler = async () => process.version"
    for runtime in ("nodejs18.x", "nodejs20.x", "nodejs22.x", "nodejs24.x"):
        before = len(functions.sink.messages)
        version = (await functions.run(javascript(functions, code, runtime=runtime))).removeprefix("v")
        first = functions.sink.messages[before]
        major, minor, _ = version.split(".")
        assert re.match(
            rf"INIT_START Runtime Version: nodejs:{major}\.v{minor}\tRuntime Version ARN: \S+", first
        )
        note = f"\tNightbus: {runtime} is not on this machine; running on Node.js {version}.\n"
        assert first.endswith(note) is (runtime != f"nodejs{major}.x")


async def test_the_log_warns_of_a_deprecated_node_and_in_json_too(functions: Functions) -> None:
    code = "exports.handler = async () => 1"
    said = "Nightbus: WARNING: nodejs18.x is deprecated on AWS since 2025-09-01."
    await functions.run(javascript(functions, code, runtime="nodejs18.x"))
    assert f"{said}\n" in functions.sink.messages
    before = len(functions.sink.messages)
    await functions.run(javascript(functions, code, runtime="nodejs18.x", log_format="JSON"))
    warned = [json.loads(line) for line in functions.sink.messages[before:]]
    assert [one["message"] for one in warned if one.get("level") == "WARN"][-1] == said
