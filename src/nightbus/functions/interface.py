"""Declares what the rest of Nightbus knows of execution environments: values and small protocols.

How a function is started, reused and stopped is inside this package; what a function *is* (records, versions,
policies) belongs to the Lambda service.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from nightbus.aws.calls import Caller, Scope
from nightbus.store.interface import Append, Change

if TYPE_CHECKING:
    from nightbus.functions.runtime_api.response_stream import ResponseStream

ON_DEMAND = "on-demand"
PROVISIONED = "provisioned-concurrency"
SNAP_START = "snap-start"


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
    code_digest: str  # hex SHA-256 of the zip file, which is a blob
    revision: str  # changes with every update of code or configuration
    timeout: int = 3  # seconds
    memory: int = 128  # MB
    environment: Mapping[str, str] = field(default_factory=dict, hash=False)
    layers: Sequence[str] = ()  # hex SHA-256 of their zip files, in merge order
    ephemeral_storage: int = 512  # MB
    log_group: str = ""  # "" means /aws/lambda/<name>
    tracing: str = "PassThrough"
    initialization: str = ON_DEMAND  # AWS_LAMBDA_INITIALIZATION_TYPE
    log_format: str = "Text"  # or "JSON"
    application_log_level: str = "INFO"  # of JSON only, as the next one
    system_log_level: str = "INFO"
    role_id: str = ""  # the role's unique id, which its credentials carry


EnvironmentKey = tuple[Scope, str, str, str]


def key_of(spec: FunctionSpec) -> EnvironmentKey:
    """What the specs of interchangeable environments have in common."""
    return spec.scope, spec.name, spec.version, spec.revision + spec.role_id


@dataclass(frozen=True, slots=True)
class ProvisionedTarget:
    """How many environments of a function's version are to be kept ready."""

    spec: FunctionSpec
    count: int


class ProvisionedState(NamedTuple):
    """How many of them there are, how many are initialised, and why the last one could not be."""

    allocated: int
    available: int
    failure: str


class LogLine(NamedTuple):
    """`time` is UTC milliseconds."""

    time: int
    message: str


class LogPart(NamedTuple):
    """Lines for a log stream of the function's account and region.

    `writer` is the session of the function's role, which has to be allowed to write them; None for what nobody asks.
    `records` are written with the lines, also where the writer may not write these: how invocations ended.
    """

    group: str
    stream: str
    lines: Sequence[LogLine]
    writer: Caller | None = None
    records: Sequence[Append] = ()


class InvokeResult(NamedTuple):
    """`error` is what X-Amz-Function-Error says ("Unhandled") or None; `log_tail` the last 4 KB of the log.

    `unwritten` is what the sink did not get, where the caller asked to write it. `init_ms`: for how long the invocation
    waited for its environment to be initialised or restored; None for a warm one.
    """

    payload: bytes
    error: str | None
    log_tail: bytes
    duration_ms: float
    log_stream: str
    unwritten: LogPart | None = None
    init_ms: float | None = None


class LogSink(Protocol):
    async def write(self, scope: Scope, part: LogPart, also: Sequence[Change] = ()) -> None:
        """Append to the stream, in one commit with `also`; group and stream appear by themselves. Lines that their
        writer may not write are left out.

        Raises StaleLease of an item that `also` settles.
        """
        ...


class Credentials(Protocol):
    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def session_token(self) -> str: ...


class CredentialSource(Protocol):
    def for_function(self, role_arn: str, function_arn: str, seconds: int, role_id: str = "") -> Credentials:
        """Temporary credentials of the role for the function's code (the ARN has no qualifier), which end with the role
        of this id; without waiting, and nothing is stored."""
        ...


class FunctionRunner(Protocol):
    async def prewarm(self, runtime: str) -> None:
        """Get ready for functions of that runtime."""
        ...

    async def prepare(self, spec: FunctionSpec) -> str:
        """Make ready what the function's environments need; the ARN of its runtime's version.

        Raises AwsError where its runtime is not there or its code cannot be unpacked.
        """
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
        log_with_result: bool = False,
        stream: ResponseStream | None = None,
    ) -> InvokeResult:
        """Run it in a warm environment, or in a new one. Errors of the function are in the result.

        Where the function streams its response and there is a `stream`, that takes the response, and the payload of the
        result is empty or says the error.

        The function's log is with the sink when this returns; with `log_with_result` its last lines are in the result,
        for the caller to write with what it commits.

        Raises AwsError only for what AWS answers with an error (TooManyRequestsException, …).
        """
        ...

    async def sweep_packages(self, in_use: Callable[[], Awaitable[set[str]]]) -> None:
        """Away with the unpacked code that no function has any more; `in_use` says the digests that functions have."""
        ...

    async def retire(self, scope: Scope, name: str, version: str = "") -> None:
        """Let go of the environments of the function, or of one version: idle ones now, busy ones after their
        invocation."""
        ...

    async def provision(self, wanted: Sequence[ProvisionedTarget]) -> None:
        """Keep so many environments ready, of these versions and no others."""
        ...

    async def snapshot(self, spec: FunctionSpec) -> None:
        """Initialise an environment of a version with SnapStart ahead. Raises EnvironmentEnded where that fails."""
        ...

    def provisioned(self, spec: FunctionSpec) -> ProvisionedState:
        """How far `provision` has come with a version."""
        ...

    async def debug(self, scope: Scope, name: str, runtime: str, port: int | None) -> None:
        """Let the function's environments wait for a debugger at `port` of loopback; None ends that.

        Raises AwsError where its runtime has no debugger, or the port is in use.
        """
        ...

    async def close(self) -> None: ...
