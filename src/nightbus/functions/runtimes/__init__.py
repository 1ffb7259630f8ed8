"""Runtimes of functions: the families that Nightbus has, and what each of AWS's runtimes is on this machine."""

from __future__ import annotations

from pathlib import Path

from nightbus.aws.errors import AwsError
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.runtimes.interface import Launch, Runtime, RuntimeFamily
from nightbus.functions.runtimes.nodejs import NodeJs
from nightbus.functions.runtimes.provided import Provided
from nightbus.functions.runtimes.python import Python

FAMILIES: tuple[RuntimeFamily, ...] = (Python(), NodeJs(), Provided())


class Runtimes:
    """Finds each runtime once."""

    def __init__(self) -> None:
        self._known: dict[str, Runtime] = {}

    def known(self, name: str) -> Runtime | None:
        """The runtime, where it was found before. Does not block."""
        return self._known.get(name)

    def of(self, name: str) -> Runtime:
        """Raises AwsError for a runtime of no family. Blocks, at the first time of a runtime maybe for minutes."""
        if name not in self._known:
            self._known[name] = _family(name).find(name)
        return self._known[name]

    def launch(self, runtime: Runtime, spec: FunctionSpec, code: Path, layers: Path | None) -> Launch:
        return _family(runtime.name).launch(runtime, spec, code, layers)


def _family(name: str) -> RuntimeFamily:
    for family in FAMILIES:
        if family.has(name):
            return family
    raise AwsError("InvalidRuntimeException", f"Runtime {name} is not supported by Nightbus yet.", 502)
