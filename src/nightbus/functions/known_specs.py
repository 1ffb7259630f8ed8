"""Keeps the specs of versions that were invoked, each until the configuration that it was made of is another object.

Records that invocations read are kept in memory, each as one object until it changes (`Platform.invocables`), so that a
spec needs to be made anew only after a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.bounded import Bounded
from nightbus.functions.interface import FunctionSpec

_MOST = 1_000
VersionKey = tuple[Scope, str, str]  # account and region, name, version


class FunctionSpecs:
    def __init__(self) -> None:
        self._specs: Bounded[VersionKey, tuple[Mapping[str, Any], FunctionSpec]] = Bounded(_MOST)

    def peek(self, key: VersionKey, config: Mapping[str, Any]) -> FunctionSpec | None:
        """Return the spec of the version with this configuration, None where it is not known."""
        known = self._specs.get(key)
        return known[1] if known is not None and known[0] is config else None

    def keep(self, key: VersionKey, config: Mapping[str, Any], spec: FunctionSpec) -> FunctionSpec:
        self._specs[key] = (config, spec)
        return spec

    def forget(self, scope: Scope, name: str) -> None:
        """Drop what is kept of a function that is deleted, or of which a version is."""
        for key in [key for key in self._specs if key[:2] == (scope, name)]:
            del self._specs[key]

    def in_memory(self) -> dict[str, int]:
        return {"specs of functions": len(self._specs)}
