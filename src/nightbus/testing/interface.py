"""Defines what the parts of a test's account ask of one another, and of the node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from nightbus.testing.errors import unknown_name
from nightbus.testing.traces import Trace

Template = str | Path | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StackResource:
    """`physical_id` is what CloudFormation calls so: a function's name, a queue's URL, a topic's ARN."""

    type_name: str
    physical_id: str


@dataclass(frozen=True, slots=True)
class DeployedStack:
    """`outputs` by their keys, `resources` by their logical ids. `stack["Key"]` is an output."""

    name: str
    outputs: Mapping[str, str]
    resources: Mapping[str, StackResource] = field(default_factory=dict)

    def __getitem__(self, output: str) -> str:
        if output not in self.outputs:
            raise unknown_name(output, f"output of stack {self.name}", self.outputs)
        return self.outputs[output]


class ControlledNode(Protocol):
    """A node that runs, or was killed. `packages`: the addresses of what was uploaded for deployments."""

    packages: set[str]

    @property
    def endpoint(self) -> str:
        """The base URL."""
        ...

    @property
    def now_ms(self) -> int:
        """The node's time, UTC ms."""
        ...

    def settle(self, seconds: float) -> None:
        """Wait until the node rests. Raises NotSettled."""
        ...

    def advance(self, ms: int, seconds: float) -> None:
        """Let `ms` pass; `seconds` of real time is the limit of each step. Raises NotSettled."""
        ...

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST to a path under `/_nightbus/` as the node's operator. Raises NodeFailed, NotSettled."""
        ...

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """GET a path under `/_nightbus/` as the node's operator. Raises NodeFailed."""
        ...

    def kill(self) -> None: ...

    def restart(self) -> None: ...


class Account(Protocol):
    """One account in one Region of a node."""

    node: ControlledNode
    account: str
    region: str
    stacks: list[DeployedStack]

    @property
    def endpoint(self) -> str: ...

    def client(self, service: str, **options: Any) -> Any: ...

    def settle(self, *, timeout: float = ...) -> None: ...

    def resource(self, logical_id: str) -> StackResource | None: ...

    def arn_of(self, name: str) -> str: ...

    def trace(self, event_id: str) -> Trace: ...
