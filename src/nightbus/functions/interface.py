"""Declares what the rest of Nightbus knows of execution environments: values and small protocols.

How a function is started, reused and stopped is inside this package; what a function *is* (records, versions,
policies) belongs to the Lambda service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nightbus.aws.calls import Scope


@dataclass(frozen=True, slots=True)
class FunctionSpec:
    """All that decides what an execution environment looks like; equal specs may share warm environments."""

    scope: Scope
    name: str
    version: str  # "$LATEST" or a number
    arn: str  # unqualified
    role: str  # the role's ARN
    runtime: str  # "python3.12"
    handler: str
    code: Path  # the zip file
    code_digest: str  # hex SHA-256 of that file
    revision: str  # changes with every update of code or configuration
    timeout: int = 3  # seconds
    memory: int = 128  # MB
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    layers: Sequence[tuple[Path, str]] = ()  # (zip file, hex SHA-256), in merge order
    ephemeral_storage: int = 512  # MB
    log_group: str = ""  # "" means /aws/lambda/<name>
    tracing: str = "PassThrough"


@dataclass(frozen=True, slots=True)
class InvokeResult:
    """`error` is what X-Amz-Function-Error says ("Unhandled") or None; `log_tail` the last 4 KB of the log."""

    payload: bytes
    error: str | None
    log_tail: bytes
    duration_ms: float
    log_stream: str


@dataclass(frozen=True, slots=True)
class LogLine:
    """`time` is UTC milliseconds."""

    time: int
    message: str


class LogSink(Protocol):
    async def write(self, scope: Scope, group: str, stream: str, lines: Sequence[LogLine]) -> None:
        """Append to the stream; group and stream appear by themselves."""
        ...


class Credentials(Protocol):
    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def session_token(self) -> str: ...


class CredentialSource(Protocol):
    def for_role(self, role_arn: str, session_name: str, scope: Scope, seconds: int) -> Credentials:
        """Temporary credentials of the role; without waiting, and nothing is stored."""
        ...


class FunctionRunner(Protocol):
    async def prewarm(self, runtime: str) -> None:
        """Get ready for functions of that runtime."""
        ...

    async def invoke(
        self,
        spec: FunctionSpec,
        payload: bytes,
        *,
        request_id: str,
        invoked_arn: str,
        client_context: str = "",
        trace: str = "",
    ) -> InvokeResult:
        """Run it in a warm environment, or in a new one. Errors of the function are in the result.

        Raises AwsError only for what AWS answers with an error (TooManyRequestsException, …).
        """
        ...

    async def sweep_packages(self, in_use: Callable[[], Awaitable[set[str]]]) -> None:
        """Away with the unpacked code that no function has any more; `in_use` says the digests that functions have."""
        ...

    async def retire(self, scope: Scope, name: str) -> None:
        """Let go of the function's environments: idle ones now, busy ones after their invocation."""
        ...

    async def close(self) -> None: ...
