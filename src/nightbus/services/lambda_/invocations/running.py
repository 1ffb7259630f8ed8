"""Runs one invocation: from the function's records to its execution environment, within its concurrency."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from nightbus.aws.trace_header import for_invocation, new_trace
from nightbus.faults import THROTTLE, TIME_OUT, Fault
from nightbus.functions.interface import ON_DEMAND, SNAP_START, FunctionSpec, InvokeResult
from nightbus.functions.logs.reports import failure_payload
from nightbus.functions.pool.concurrency import NoRoom
from nightbus.functions.runtime_api.response_stream import ResponseStream
from nightbus.services.context import Platform
from nightbus.services.lambda_.access.roles import role_in_use
from nightbus.services.lambda_.aliases import chosen_version
from nightbus.services.lambda_.errors import no_function, not_found, throttled
from nightbus.services.lambda_.lifecycle.progress import wait_until_prepared
from nightbus.services.lambda_.lifecycle.states import has_snapshot, is_in_progress, is_settled, not_invocable
from nightbus.services.lambda_.names import LATEST, FunctionRef, function_arn, is_version
from nightbus.services.lambda_.records import (
    ALIAS,
    FUNCTION,
    Version,
    qualified_key,
    running_version,
    version_of,
)
from nightbus.services.lambda_.settings.encryption_key import require_key
from nightbus.services.lambda_.settings.environment_variables import opened
from nightbus.services.lambda_.settings.recursion import is_recursive, recursive_invocation
from nightbus.span_notes import InvocationNote
from nightbus.store.interface import Record, RecordReader

log = logging.getLogger("nightbus.lambda")
_PREPARATION_SECONDS = 60.0  # after them an invocation is refused


@dataclass(frozen=True, slots=True)
class Runnable:
    """The version that this invocation of the reference gets."""

    ref: FunctionRef
    function: Record
    version: Version

    @property
    def executed_version(self) -> str:
        return str(self.version["config"]["Version"])

    @property
    def reserved(self) -> int | None:
        reserved: int | None = self.function.value["reserved"]
        return reserved


async def find_runnable(store: RecordReader, ref: FunctionRef) -> Runnable:
    """An alias with weights is decided here. Raises AwsError when there is no such function."""
    function = await store.get(ref.scope, FUNCTION, ref.name)
    if function is None:
        raise no_function(ref.qualified_arn)
    qualifier = ref.version_or_alias
    if not is_version(qualifier):
        alias = await store.get(ref.scope, ALIAS, qualified_key(ref.name, qualifier))
        if alias is None:
            raise not_found(f"Cannot find alias arn: {ref.qualified_arn}")
        qualifier = chosen_version(alias.value, secrets.randbelow(1 << 32) / (1 << 32))
    return Runnable(ref, function, await version_of(store, ref, function, qualifier))


async def find_ready(platform: Platform, ref: FunctionRef) -> Runnable:
    """As `find_runnable`, once the function is prepared."""
    return await when_ready(platform, await find_runnable(platform.invocables, ref))


async def when_ready(platform: Platform, runnable: Runnable) -> Runnable:
    """Return what runs, the same object where the function is prepared already. Raises AwsError if it is Failed.

    AWS runs what there was while an update is in progress; here the invocation waits, so that it runs what the last
    update asked for. Where that update failed, it runs what there was.
    """
    ref, config = runnable.ref, runnable.version["config"]
    if is_settled(config):
        return runnable
    if is_in_progress(config):
        await wait_until_prepared(platform, ref.scope, ref.name, _PREPARATION_SECONDS)
        runnable = await find_runnable(platform.invocables, ref)
    if runnable.executed_version == LATEST:
        runnable = replace(runnable, version=running_version(runnable.function.value))
    if runnable.version["config"]["State"] != "Active":
        raise not_invocable(runnable.version["config"])
    return runnable


async def run(
    platform: Platform,
    runnable: Runnable,
    payload: bytes,
    *,
    request_id: str,
    client_context: str = "",
    trace: str = "",
    log_with_result: bool = False,
    stream: ResponseStream | None = None,
) -> InvokeResult:
    """`stream` takes a streamed response.

    Raises AwsError TooManyRequestsException when the function, or the account, runs as often as it may, and
    RecursiveInvocationException where the trace shows a loop, KMSDisabledException and the like where the key of the
    function's variables cannot be used.
    """
    ref, config = runnable.ref, runnable.version["config"]
    fault = None if platform.faults is None else platform.faults.of_run(ref.arn)
    if fault is not None:
        return _struck(fault, request_id, config["Timeout"])
    if "Lineage=" in trace and is_recursive(ref, runnable.function, trace):
        log.warning("stopped a recursive loop of %s", ref.arn)
        raise recursive_invocation(ref)
    if "KMSKeyArn" in config:
        await require_key(platform, ref.scope, config)
    key = (ref.scope, ref.name, config["Version"])
    role_id = await role_in_use(platform, ref, config["Role"], request_id)
    spec = platform.specs.peek(key, config)
    if spec is None or spec.role_id != role_id:
        spec = platform.specs.keep(key, config, await spec_of(platform, ref, runnable.version))
    began = platform.clock.now_ms()
    if platform.spans is not None and not trace:
        trace = new_trace(began)
    own_trace = for_invocation(trace, request_id, began, spec.arn)
    try:
        unreserved = platform.running.begin(ref.scope, ref.name, runnable.reserved)
        if platform.running.slots is not None:
            await platform.running.take_slot(ref.scope, ref.name, runnable.reserved)
    except NoRoom as full:
        platform.counters.throttle(ref.arn)
        raise throttled(full.reason) from None
    try:
        result = await platform.functions.invoke(
            spec,
            payload,
            request_id=request_id,
            invoked_arn=ref.qualified_arn,
            client_context=client_context,
            trace=own_trace,
            log_with_result=log_with_result,
            stream=stream,
        )
        init = None if result.init_ms is None else result.init_ms / 1000
        platform.counters.invocation(
            ref.arn, result.duration_ms / 1000, init, failed=result.error is not None
        )
        if platform.spans is not None:
            now = platform.clock.now_ms()
            platform.spans.add(_span_note(runnable, trace, own_trace, request_id, began, now, result))
        return result
    finally:
        platform.running.end(ref.scope, ref.name, unreserved=unreserved)


def _struck(fault: Fault, request_id: str, timeout: int) -> InvokeResult:
    """What an invocation ends with that a test lets fail, without a run. Raises AwsError for one that is throttled."""
    if fault.kind == THROTTLE:
        raise throttled(fault.code)
    code, message = fault.code, fault.message
    if fault.kind == TIME_OUT:
        code = "Sandbox.Timedout"
        message = f"RequestId: {request_id} Error: Task timed out after {timeout:.2f} seconds"
    return InvokeResult(failure_payload(code, message), "Unhandled", b"", 0.0, "")


def _span_note(
    runnable: Runnable,
    trace: str,
    own_trace: str,
    request_id: str,
    began: int,
    ended: int,
    result: InvokeResult,
) -> InvocationNote:
    arn, version = runnable.ref.arn, runnable.executed_version
    error = result.error or ""
    return InvocationNote(trace, own_trace, arn, version, request_id, began, ended, result.init_ms, error)


async def spec_of(platform: Platform, ref: FunctionRef, version: Version) -> FunctionSpec:
    """Raises AwsError where the environment variables cannot be opened, or Lambda may not assume the role."""
    role_id = await role_in_use(platform, ref, version["config"]["Role"])
    return function_spec(ref, version, await opened(platform, version["config"]), role_id)


def function_spec(
    ref: FunctionRef, version: Version, variables: Mapping[str, str], role_id: str
) -> FunctionSpec:
    config = version["config"]
    logging = config["LoggingConfig"]
    return FunctionSpec(
        scope=ref.scope,
        name=ref.name,
        version=config["Version"],
        arn=function_arn(ref.scope, ref.name),
        role=config["Role"],
        runtime=config["Runtime"],
        handler=config["Handler"],
        code_digest=version["digest"],
        revision=config["RevisionId"],
        timeout=config["Timeout"],
        memory=config["MemorySize"],
        environment=variables,
        layers=tuple(layer["digest"] for layer in version["layers"]),
        ephemeral_storage=config["EphemeralStorage"]["Size"],
        log_group=logging["LogGroup"],
        tracing=config["TracingConfig"]["Mode"],
        initialization=SNAP_START if has_snapshot(config) else ON_DEMAND,
        log_format=logging["LogFormat"],
        application_log_level=logging.get("ApplicationLogLevel", "INFO"),
        system_log_level=logging.get("SystemLogLevel", "INFO"),
        role_id=role_id,
    )
