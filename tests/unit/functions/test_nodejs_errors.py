"""Functions in JavaScript that fail: what the client gets and what the log says, in AWS's shapes."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest

from function_rig import Functions
from nightbus.functions.interface import FunctionSpec

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")


def javascript(functions: Functions, code: str, name: str = "index.js", **settings: Any) -> FunctionSpec:
    settings = {"runtime": "nodejs20.x", "handler": "index.handler", "timeout": 10, "memory": 256, **settings}
    return functions.define("", {name: code}, **settings)


THROW = """class Odd extends Error { constructor(text) { super(text); this.name = 'Odd'; this.code = 'E_ODD' } }
exports.handler = async function (event) { throw new Odd('no\\x7fgood') }
"""


async def test_a_thrown_error_has_its_type_message_and_trace(functions: Functions) -> None:
    spec = javascript(functions, THROW)
    failure = await functions.fail(spec)
    assert (failure["errorType"], failure["errorMessage"]) == ("Odd", "no%7Fgood")
    assert failure["trace"][0] == "Odd: no%7Fgood"
    assert failure["trace"][1].startswith("    at exports.handler (/var/task/index.js:2:")
    assert failure["trace"][2].startswith("    at Runtime.handleOnceNonStreaming (/var/runtime/")
    assert set(failure) == {"errorType", "errorMessage", "trace"}
    (line,) = [message for message in functions.sink.messages if "Invoke Error" in message]
    stamp, request_id, level, text, detail = line.rstrip("\n").split("\t")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert len(request_id) == 36
    assert (level, text) == ("ERROR", "Invoke Error ")
    logged = json.loads(detail)
    assert (logged["errorType"], logged["code"], logged["stack"][0]) == ("Odd", "E_ODD", "Odd: no\x7fgood")
    assert (await functions.fail(spec))["errorType"] == "Odd"
    assert len(functions.sink.lines) == 1, "an error does not end the environment"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("exports.handler = (e, c, callback) => callback('text')", ["string", "text", []]),
        ("exports.handler = (e, c, callback) => callback(new TypeError('t'))", ["TypeError", "t"]),
        ("exports.handler = () => { throw new RangeError('sync') }", ["RangeError", "sync"]),
        ("exports.handler = (e, context) => context.fail()", ["string", "handled", []]),
        ("exports.handler = async () => { throw { a: 1 } }", ["object", "[object Object]", []]),
        ("exports.handler = async () => { throw null }", ["string", "handled", []]),
        ("exports.handler = async () => ({ n: 1n })", ["Error", "Unable to stringify response body"]),
    ],
)
async def test_errors_of_every_kind(functions: Functions, code: str, expected: list[Any]) -> None:
    failure = await functions.fail(javascript(functions, code))
    got = [failure["errorType"], failure["errorMessage"]]
    assert got + ([] if failure["trace"] else [[]]) == expected


@pytest.mark.parametrize(
    ("code", "handler", "error_type", "message"),
    [
        (
            "exports.handler = 1",
            "index.handler",
            "Runtime.HandlerNotFound",
            "index.handler is not a function",
        ),
        ("", "index.handler", "Runtime.HandlerNotFound", "index.handler is undefined or not exported"),
        ("", "index", "Runtime.MalformedHandlerName", "Bad handler"),
        (
            "",
            "../index.handler",
            "Runtime.MalformedHandlerName",
            "'../index.handler' is not a valid handler name. Use absolute paths when specifying root directories in "
            "handler names.",
        ),
        (
            "",
            "none.handler",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'none'\nRequire stack:\n- /var/runtime/index.mjs",
        ),
        (
            "require('absent')",
            "index.handler",
            "Runtime.ImportModuleError",
            "Error: Cannot find module 'absent'\nRequire stack:\n- /var/task/index.js\n- /var/runtime/index.mjs",
        ),
        (
            "exports = {",
            "index.handler",
            "Runtime.UserCodeSyntaxError",
            "SyntaxError: Unexpected end of input",
        ),
        ("throw new EvalError('at start')", "index.handler", "EvalError", "at start"),
    ],
)
async def test_a_function_that_cannot_be_loaded(
    functions: Functions, code: str, handler: str, error_type: str, message: str
) -> None:
    failure = await functions.fail(javascript(functions, code, handler=handler))
    assert failure["errorType"] == error_type
    assert failure["errorMessage"] == message
    assert set(failure) == {"errorType", "errorMessage", "trace"}
    (line,) = [text for text in functions.sink.messages if "\tERROR\tUncaught Exception \t" in text]
    assert line.split("\t")[1] == "undefined"
    later = await functions.fail(javascript(functions, code, handler=handler, runtime="nodejs24.x"))
    assert later["errorType"] == error_type or error_type == "Runtime.ImportModuleError"


async def test_a_rejection_that_nobody_handles_ends_the_environment(functions: Functions) -> None:
    code = """exports.handler = async () => {
        Promise.reject(new Error('lost')); await new Promise((done) => setTimeout(done, 5000)) }"""
    spec = javascript(functions, code)
    failure = await functions.fail(spec)
    assert (failure["errorType"], failure["errorMessage"]) == (
        "Runtime.UnhandledPromiseRejection",
        "Error: lost",
    )
    assert failure["trace"][0] == "Runtime.UnhandledPromiseRejection: Error: lost"
    assert any("\tERROR\tUnhandled Promise Rejection \t{" in text for text in functions.sink.messages)
    await functions.fail(spec)
    assert len(functions.sink.lines) == 2


@pytest.mark.parametrize(
    ("code", "error_type", "message"),
    [
        ("setTimeout(() => { throw new Error('later') })", "Error", "later"),
        ("process.exit(3)", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("process.exit(0)", "Runtime.ExitError", "Runtime exited without providing a reason"),
        (
            "process.kill(process.pid, 'SIGKILL')",
            "Runtime.ExitError",
            "Runtime exited with error: signal: killed",
        ),
        ("for (;;);", "Sandbox.Timedout", "Task timed out after 1.00 seconds"),
    ],
)
async def test_ends_of_the_process(functions: Functions, code: str, error_type: str, message: str) -> None:
    body = f"if (e) return e; {code}; await new Promise(() => setTimeout(() => {{}}, 3000))"
    timeout = 1 if error_type == "Sandbox.Timedout" else 10
    spec = javascript(functions, f"exports.handler = async (e) => {{ {body} }}", timeout=timeout)
    failure = await functions.fail(spec)
    assert failure["errorType"] == error_type
    assert failure["errorMessage"].endswith(message)
    assert await functions.run(spec, "again") == "again"


async def test_console_writes_events_as_on_aws(functions: Functions) -> None:
    code = """console.log('at', 'init')
    exports.handler = async (event) => {
      console.info('two\\nlines %d', 2, { a: [1] }); console.warn('w'); console.error(new Error('shown').message)
      console.debug('d'); console.trace('t'); process.stdout.write('raw\\nlines\\n'); console.log()
      console.log('é'.repeat(70000))
    }"""
    spec = javascript(functions, code)
    await functions.invoke(spec, 1, request_id="the-id")
    told = [
        text
        for text in functions.sink.messages
        if not text.startswith(("INIT_START", "Nightbus: WARNING", "START", "END", "REPORT"))
    ]
    cut = [text.split("\t", 1)[1] if re.match(r"\d{4}-\d\d-\d\dT.{13}\t", text) else text for text in told]
    assert cut[:9] == [
        "undefined\tINFO\tat init\n",
        "the-id\tINFO\ttwo\nlines 2 { a: [ 1 ] }\n",
        "the-id\tWARN\tw\n",
        "the-id\tERROR\tshown\n",
        "the-id\tDEBUG\td\n",
        "the-id\tTRACE\tt\n",
        "raw\n",
        "lines\n",
        "the-id\tINFO\tundefined\n",
    ]
    assert cut[9] == "the-id\tINFO\t" + "é" * 70000 + "\n"


async def test_console_in_json_with_a_level(functions: Functions) -> None:
    code = """exports.handler = async (event) => {
      console.info('not shown'); console.warn({ a: 1 }); console.error('failed', new TypeError('t')) }"""
    spec = javascript(functions, code, log_format="JSON", application_log_level="WARN")
    await functions.invoke(spec, 1, request_id="the-id")
    lines = [json.loads(text) for text in functions.sink.messages if '"requestId":"the-id"' in text]
    lines = [line for line in lines if "level" in line]
    assert [(line["level"], line["message"]) for line in lines[:1]] == [("WARN", {"a": 1})]
    assert (lines[1]["errorType"], lines[1]["errorMessage"]) == ("TypeError", "t")
    assert lines[1]["stackTrace"][0] == "TypeError: t"
