"""Handlers of Lambda and Logs over a real store, with a virtual clock and a function runner that tests script."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import json
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.replies import ByteStream, Reply
from nightbus.clock import VirtualClock
from nightbus.delivery.interface import EventRouter
from nightbus.functions.interface import (
    FunctionSpec,
    InvokeResult,
    ProvisionedState,
    ProvisionedTarget,
    key_of,
)
from nightbus.functions.runtime_api.response_stream import ResponseStream
from nightbus.identity.credentials import CredentialIssuer
from nightbus.keys.directory import Keys
from nightbus.messaging.queues import Queues
from nightbus.messaging.topics import Topics
from nightbus.node.operations import OperationRegistry
from nightbus.services.context import Platform
from nightbus.services.lambda_.lifecycle.preparation import prepare
from nightbus.services.logs.writer import LogWriter
from nightbus.stacks.interface import StackEngine
from nightbus.store.interface import Acknowledge, Change, Enqueue
from nightbus.store.sqlite.store import SqliteStore
from nightbus.store.vault import Vault

SCOPE = Scope("123456789012", "eu-west-1")
ROLE = "arn:aws:iam::123456789012:role/worker"
BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
RUNTIME_VERSION = f"arn:aws:lambda:eu-west-1::runtime:{'0' * 64}"


@dataclass(frozen=True, slots=True)
class Invocation:
    spec: FunctionSpec
    payload: bytes
    request_id: str
    invoked_arn: str
    client_context: str
    trace: str


Answer = Callable[[Invocation], Awaitable[InvokeResult]]


async def echo(invocation: Invocation) -> InvokeResult:
    return InvokeResult(invocation.payload, None, b"START\nEND\n", 1.0, "stream")


@dataclass
class ScriptedRunner:
    """Stands where execution environments would: each invocation is noted and answered by `answer`."""

    answer: Answer = echo
    invocations: list[Invocation] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    prewarmed: list[str] = field(default_factory=list)
    unprepared: AwsError | None = None
    wanted: list[ProvisionedTarget] = field(default_factory=list)

    async def prewarm(self, runtime: str) -> None:
        self.prewarmed.append(runtime)

    async def prepare(self, spec: FunctionSpec) -> str:
        if self.unprepared is not None:
            raise self.unprepared
        return RUNTIME_VERSION

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
        invocation = Invocation(spec, payload, request_id, invoked_arn, client_context, trace)
        self.invocations.append(invocation)
        return await self.answer(invocation)

    async def sweep_packages(self, in_use: Callable[[], Awaitable[set[str]]]) -> None:
        await in_use()

    async def retire(self, scope: Scope, name: str, version: str = "") -> None:
        self.retired.append(name)

    async def debug(self, scope: Scope, name: str, runtime: str, port: int | None) -> None: ...

    async def provision(self, wanted: Sequence[ProvisionedTarget]) -> None:
        self.wanted = list(wanted)

    async def snapshot(self, spec: FunctionSpec) -> None: ...

    def provisioned(self, spec: FunctionSpec) -> ProvisionedState:
        count = sum(one.count for one in self.wanted if key_of(one.spec) == key_of(spec))
        return ProvisionedState(count, count, "")

    async def close(self) -> None: ...


class Operations(OperationRegistry):
    """The real registry for Lambda and Logs; the few answers of other services that they need are given here."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[tuple[str, str], bytes] = {}
        self.events: list[dict[str, Any]] = []

    async def handle(
        self, service: str, operation: str, params: Mapping[str, Any], call: Call
    ) -> Mapping[str, Any] | Reply:
        if service in ("lambda", "logs"):
            return await super().handle(service, operation, params, call)
        if (service, operation) == ("s3", "GetObject"):
            return self._object(params["Bucket"], params["Key"])
        if (service, operation) == ("events", "PutEvents"):
            self.events += params["Entries"]
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "x"} for _ in params["Entries"]]}
        raise AssertionError(f"{service}:{operation} was not expected")

    def _object(self, bucket: str, key: str) -> dict[str, Any]:
        if (bucket, key) not in self.objects:
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
        data = self.objects[bucket, key]

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        return {"Body": ByteStream(chunks(), len(data))}


def allow(iam: Any, role: str, *actions: str) -> None:
    """Let a role of a running node do the actions, on everything."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName="allowed", PolicyDocument=document)


def function_role(iam: Any, *actions: str, name: str = "") -> str:
    """Return the ARN of a new role of a running node, for functions that log and do the actions."""
    made = name or f"role-{uuid4().hex[:8]}"
    document = json.dumps(trust("lambda.amazonaws.com"))
    role = iam.create_role(RoleName=made, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    let_log(iam, made)
    if actions:
        allow(iam, made, *actions)
    return str(role)


def let_log(iam: Any, role: str) -> None:
    """Let the functions of a role write their logs, as SAM does it."""
    iam.attach_role_policy(RoleName=role, PolicyArn=BASIC_EXECUTION)


def trust(service: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


class NotingStore(SqliteStore):
    """Notes what was committed."""

    committed: list[Change]

    async def commit(self, *changes: Change, patience: float = 0.0) -> None:
        await super().commit(*changes, patience=patience)
        self.committed += changes


@dataclass
class Rig:
    store: NotingStore
    clock: VirtualClock
    runner: ScriptedRunner
    operations: Operations
    platform: Platform

    async def __call__(self, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        reply = await self.operations.call(service, operation, params, self.call())
        if operation in ("CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration"):
            await prepare(self.platform, SCOPE, reply["FunctionName"])  # as the worker does
        return reply

    async def by(self, call: Call, service: str, operation: str, /, **params: Any) -> dict[str, Any]:
        return await self.operations.call(service, operation, params, call)

    def call(self, caller: Caller | None = None, trace: str = "") -> Call:
        return Call(SCOPE, caller or Caller.root(SCOPE.account), "http://127.0.0.1:4566", trace=trace)

    @property
    def queued(self) -> int:
        """How many items wait in queues or are being worked on."""
        changes = self.store.committed
        return sum(isinstance(one, Enqueue) - isinstance(one, Acknowledge) for one in changes)

    async def create(self, name: str = "worker", **params: Any) -> dict[str, Any]:
        wanted = {
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Role": ROLE,
            "Code": {"ZipFile": code()},
        }
        return await self("lambda", "CreateFunction", FunctionName=name, **(wanted | params))


@contextlib.asynccontextmanager
async def rig(folder: Path) -> AsyncIterator[Rig]:
    clock = VirtualClock()
    store = cast(NotingStore, NotingStore.open(folder, clock, durable=False))
    store.committed = []
    runner, operations = ScriptedRunner(), Operations()
    vault = Vault()
    platform = Platform(
        store=store,
        clock=clock,
        operations=operations,
        functions=runner,
        router=cast(EventRouter, None),
        queues=cast(Queues, None),
        topics=cast(Topics, None),
        stacks=cast(StackEngine, None),
        credentials=CredentialIssuer(b"1" * 32, clock),
        log_sink=LogWriter(store, clock),
        endpoint="http://127.0.0.1:4566",
        invocables=store,
        vault=vault,
        keys=Keys(store, vault, clock),
    )
    operations.attach(platform)
    try:
        yield Rig(store, clock, runner, operations, platform)
    finally:
        await store.close()


def code(text: str = "def handler(event, context):\n    return event\n", name: str = "app.py") -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED, 1)
    return packed.getvalue()


def layer() -> bytes:
    return code("VALUE = 1\n", "python/shared.py")


def tail(reply: Mapping[str, Any]) -> str:
    return base64.b64decode(reply["LogResult"]).decode()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def failing(invocation: Invocation) -> InvokeResult:
    return InvokeResult(b'{"errorMessage": "no", "errorType": "E"}', "Unhandled", b"", 1.0, "stream")
