"""Functions in JavaScript: what a handler may be, what it is called with, and what comes back."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from function_rig import Functions
from nightbus.functions.interface import FunctionSpec

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node.js")
RUNTIME = "nodejs20.x"


def javascript(functions: Functions, code: str, name: str = "index.js", **settings: Any) -> FunctionSpec:
    settings = {"runtime": RUNTIME, "handler": "index.handler", "timeout": 10, **settings}
    return functions.define("", {name: code}, **settings)


async def test_an_async_handler_gets_its_event_and_returns_its_result(functions: Functions) -> None:
    code = "exports.handler = async (event) => ({ got: event, major: Number(process.versions.node.split('.')[0]) })"
    spec = javascript(functions, code)
    assert (await functions.run(spec, {"a": [1, "ü"]}))["got"] == {"a": [1, "ü"]}
    assert (await functions.run(spec, None))["got"] is None
    assert len(functions.sink.lines) == 1, "both ran in one environment"
