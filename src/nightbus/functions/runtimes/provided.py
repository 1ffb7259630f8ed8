"""Runs functions that bring their own program: an executable `bootstrap`, of the package or of a layer.

Source: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-provided.html
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from nightbus.functions.interface import FunctionSpec
from nightbus.functions.runtimes.interface import Launch, Preview, Runtime, ZygoteKind
from nightbus.functions.runtimes.package_cache import empty_folder

_BOOTSTRAPS = (("{task}/bootstrap",), ("{opt}/bootstrap",))
# AWS leaves it out there: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
_VARIABLES = {"AWS_EXECUTION_ENV": None}


class Provided:
    names = ("provided.al2", "provided.al2023")

    def preview(self, name: str) -> Preview:
        return Preview(name)

    def installed(self) -> Sequence[tuple[str, Path]]:
        return ()

    def has(self, name: str) -> bool:
        return name.startswith("provided")

    def find(self, name: str) -> Runtime:
        _, _, system = name.partition(".")
        return Runtime(name, f"provided:{system}.v1", ZygoteKind(Path(sys.executable)), empty_folder())

    def launch(self, runtime: Runtime, spec: FunctionSpec, code: Path, layers: Path | None) -> Launch:
        return Launch(runtime, runtime.folder, _BOOTSTRAPS, _VARIABLES)
