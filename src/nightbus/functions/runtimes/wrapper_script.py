"""Puts a function's wrapper script before the command of its runtime, which the script gets as its arguments.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
"""

from __future__ import annotations

from collections.abc import Sequence

from nightbus.functions.interface import FunctionSpec

_VARIABLE = "AWS_LAMBDA_EXEC_WRAPPER"
_SCRIPT = (
    'if [ ! -f "$1" ]; then echo "$1: does not exist"; exit 127; fi; '
    'if [ ! -x "$1" ]; then echo "$1: is not an executable"; exit 126; fi; '
    'exec "$@"'
)
_FOLDERS = (("/opt/", "{opt}/"), ("/var/task/", "{task}/"))  # which lie elsewhere without a sandbox


def has_wrapper(spec: FunctionSpec) -> bool:
    return bool(spec.environment.get(_VARIABLE))


def with_wrapper(spec: FunctionSpec, command: Sequence[str]) -> list[str]:
    """The command line that runs the function's wrapper script, if it has one, with `command`."""
    wrapper = spec.environment.get(_VARIABLE)
    if not wrapper:
        return list(command)
    for folder, placeholder in _FOLDERS:
        if wrapper.startswith(folder):
            wrapper = placeholder + wrapper.removeprefix(folder)
    return ["/bin/sh", "-c", _SCRIPT, "/var/runtime/bootstrap", wrapper, *command]
