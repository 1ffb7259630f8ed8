"""The spec of a version is made once for each configuration."""

from __future__ import annotations

from dataclasses import replace

from function_rig import SCOPE
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.known_specs import FunctionSpecs

SPEC = FunctionSpec(
    scope=SCOPE, name="f", version="$LATEST", arn="arn", role="role", runtime="python3.11", handler="app.handler",
    code_digest="d", revision="1",
)  # fmt: skip
KEY = (SCOPE, "f", "$LATEST")


def test_a_spec_is_made_again_when_the_configuration_is_another_object() -> None:
    specs, first, second = FunctionSpecs(), {"Timeout": 3}, {"Timeout": 3}
    assert specs.peek(KEY, first) is None
    assert specs.keep(KEY, first, SPEC) is SPEC
    assert specs.peek(KEY, first) is SPEC
    assert specs.peek(KEY, second) is None
    assert specs.keep(KEY, second, replace(SPEC, timeout=9)).timeout == 9


def test_the_specs_of_a_deleted_function_go() -> None:
    specs, config = FunctionSpecs(), {"Timeout": 3}
    for key in [KEY, (SCOPE, "f", "1"), (SCOPE, "other", "$LATEST")]:
        specs.keep(key, config, SPEC)
    specs.forget(SCOPE, "f")
    assert specs.in_memory() == {"specs of functions": 1}
