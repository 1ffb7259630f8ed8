"""Shows functions, what they did lately, and runs them: `/functions`."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec

from nightbus.aws.errors import AwsError
from nightbus.console.api.graphs import graphs_of
from nightbus.console.api.queues import Neighbour, neighbours
from nightbus.console.api.request import ApiRequest
from nightbus.console.api.routing import Routes
from nightbus.console.api.values import Answer, Body, Page
from nightbus.console.topology.graph import DEAD_LETTERS, ON_FAILURE, ON_SUCCESS, POLLS, Graph
from nightbus.functions.logs.invocation_log import EndedInvocation, last_invocations
from nightbus.services.lambda_.invocations.log_lines import log_refusal
from nightbus.services.lambda_.names import LATEST, function_arn
from nightbus.services.lambda_.queue_sources.settings import EVENT_SOURCE
from nightbus.services.lambda_.records import EVENT_INVOKE, FUNCTION
from nightbus.store.interface import Record

_LAST = 100  # invocations, of which the percentiles are
_LARGEST_PAYLOAD = 6 * 1024 * 1024


class FunctionInfo(Answer, frozen=True):
    """`running`: invocations under way. `invocations`, `errors` and `throttles` count since the node started; `p50` and
    `p95` (ms) are of the last 100 invocations, None without one. `last` is when the last one ended (UTC ms)."""

    name: str
    arn: str
    runtime: str
    state: str
    stack: str
    running: int
    invocations: int
    errors: int
    throttles: int
    cold_starts: int
    p50: float | None
    p95: float | None
    last: int | None
    failing: str


class FunctionList(Answer, frozen=True):
    functions: list[FunctionInfo]
    next: str | None


class EventSource(Answer, frozen=True):
    """An event source mapping. `window` is the batching window in seconds."""

    id: str
    arn: str
    enabled: bool
    batch_size: int
    window: int


class FunctionDetail(FunctionInfo, frozen=True):
    """The configuration of $LATEST. Of its environment variables only the names are shown. `log_refused`: which
    permission its role lacks now to write its log, "" if it lacks none."""

    description: str
    handler: str
    architecture: str
    package_type: str
    memory: int
    timeout: int
    storage: int
    code_size: int
    modified: int | None
    role: str
    log_group: str
    log_format: str
    log_refused: str
    reserved_concurrency: int | None
    variables: list[str]
    layers: list[str]
    tags: dict[str, str]
    event_sources: list[EventSource]
    on_success: str
    on_failure: str
    dead_letter: str
    retries: int
    age: int
    senders: list[Neighbour]
    receivers: list[Neighbour]


class FunctionQuery(Page, frozen=True):
    """`prefix`: of the names."""

    prefix: Annotated[str, msgspec.Meta(max_length=64)] = ""


class InvokeBody(Body, frozen=True):
    """`payload` is a JSON text. `asynchronous`: the answer does not wait for the function."""

    payload: Annotated[str, msgspec.Meta(max_length=_LARGEST_PAYLOAD)] = "{}"
    asynchronous: bool = False
    qualifier: Annotated[str, msgspec.Meta(max_length=128)] = ""


class InvokeResult(Answer, frozen=True):
    """`status` is 200, or 202 for an asynchronous invocation. `error` is "" or what X-Amz-Function-Error says. `log`
    is the end of what it logged, `duration` how long the caller waited (ms)."""

    status: int
    payload: str
    error: str
    log: str
    request_id: str
    duration: float


async def list_functions(request: ApiRequest, query: FunctionQuery) -> FunctionList:
    """List functions by name, with what they did lately."""
    records = await request.store.list(request.scope, FUNCTION, query.prefix, query.next, query.limit + 1)
    graph = await request.kept(graphs_of).of(request.scope)
    shown = [await _info(request, graph, record) for record in records[: query.limit]]
    return FunctionList(functions=shown, next=shown[-1].name if len(records) > query.limit else None)


async def read_function(request: ApiRequest, name: str) -> FunctionDetail:
    """Show a function: its configuration, event sources and destinations."""
    record = await request.store.get(request.scope, FUNCTION, name)
    if record is None:
        raise no_such_function(name)
    graph = await request.kept(graphs_of).of(request.scope)
    info = await _info(request, graph, record)
    config, asynchronous = record.value["latest"]["config"], await _asynchronous(request, name)
    receivers = neighbours(graph, of=info.arn)
    return FunctionDetail(
        **msgspec.structs.asdict(info),
        description=str(config.get("Description", "")),
        handler=str(config.get("Handler", "")),
        architecture=", ".join(config.get("Architectures", ())),
        package_type=str(config.get("PackageType", "Zip")),
        memory=config["MemorySize"],
        timeout=config["Timeout"],
        storage=config["EphemeralStorage"]["Size"],
        code_size=config.get("CodeSize", 0),
        modified=_ms(str(config.get("LastModified", ""))),
        role=config["Role"],
        log_group=config["LoggingConfig"]["LogGroup"],
        log_format=config["LoggingConfig"]["LogFormat"],
        log_refused=await log_refusal(request.platform, info.arn),
        reserved_concurrency=record.value.get("reserved"),
        variables=await _variables(request, name),
        layers=[layer["Arn"] for layer in config.get("Layers") or ()],
        tags=record.value.get("tags") or {},
        event_sources=await _event_sources(request, info.arn),
        on_success=_first(receivers, ON_SUCCESS),
        on_failure=_first(receivers, ON_FAILURE),
        dead_letter=_first(receivers, DEAD_LETTERS),
        retries=asynchronous.get("MaximumRetryAttempts", 2),
        age=asynchronous.get("MaximumEventAgeInSeconds", 21_600),
        senders=[one for one in neighbours(graph, to=info.arn) if one.how != POLLS],
        receivers=receivers,
    )


async def invoke_function(request: ApiRequest, name: str, body: InvokeBody) -> InvokeResult:
    """Invoke a function with a payload, and show its answer and the end of its log."""
    chosen: dict[str, Any] = {"Qualifier": body.qualifier} if body.qualifier else {}
    kind = {"InvocationType": "Event"} if body.asynchronous else {"LogType": "Tail"}
    began = request.node.clock.monotonic()
    call = request.call()
    params = {"FunctionName": name, "Payload": body.payload.encode(), **kind, **chosen}
    reply = await request.platform.operations.call("lambda", "Invoke", params, call)
    payload = reply.get("Payload") or b""
    return InvokeResult(
        status=reply["StatusCode"],
        payload=payload.decode("utf-8", "replace") if isinstance(payload, bytes) else str(payload),
        error=reply.get("FunctionError") or "",
        log=base64.b64decode(reply.get("LogResult") or "").decode("utf-8", "replace"),
        request_id=call.request_id,
        duration=round((request.node.clock.monotonic() - began) * 1000, 2),
    )


def no_such_function(name: str) -> AwsError:
    return AwsError(
        "ResourceNotFoundException", f"There is no function {name} in this account and Region.", 404
    )


async def _info(request: ApiRequest, graph: Graph, record: Record) -> FunctionInfo:
    scope, name = request.scope, record.key
    arn = function_arn(scope, name)
    config, node = record.value["latest"]["config"], graph.nodes.get(arn)
    last = await last_invocations(request.store, scope, name, _LAST)
    counts = request.platform.counters.functions.get(arn)
    durations = sorted(one.duration for one in last)
    return FunctionInfo(
        name=name,
        arn=arn,
        runtime=str(config.get("Runtime", "")),
        state=str(config.get("State", "")),
        stack="" if node is None else node.stack,
        running=request.platform.running.of(scope, name),
        invocations=0 if counts is None else counts.invoked,
        errors=0 if counts is None else counts.failed,
        throttles=0 if counts is None else counts.throttled,
        cold_starts=0 if counts is None else counts.cold,
        p50=percentile(durations, 0.5),
        p95=percentile(durations, 0.95),
        last=last[0].time if last else None,
        failing=failing_text(last, request.now_ms()) or ("" if node is None else node.failing),
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The least value that so many of the values do not exceed; None of none."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


RECENT_MS = 300_000


def failing_text(last: Sequence[EndedInvocation], now_ms: int) -> str:
    """What failed in the last five minutes, "" where the newest invocation did not."""
    recent = [one for one in last if one.time > now_ms - RECENT_MS]
    if not recent or recent[0].outcome == "success":
        return ""
    failed = sum(one.outcome != "success" for one in recent)
    error = recent[0].code or recent[0].message or recent[0].outcome
    return f"{failed} of the last {len(recent)} invocations failed: {error}"


def _first(receivers: Sequence[Neighbour], how: str) -> str:
    return next((one.arn for one in receivers if one.how == how), "")


async def _asynchronous(request: ApiRequest, name: str) -> Mapping[str, Any]:
    """Of $LATEST, where it is not that of a version or an alias."""
    for key in (f"{name}:", f"{name}:{LATEST}"):
        record = await request.store.get(request.scope, EVENT_INVOKE, key)
        if record is not None:
            config: dict[str, Any] = record.value["config"]
            return config
    return {}


async def _event_sources(request: ApiRequest, arn: str) -> list[EventSource]:
    records = await request.store.list(request.scope, EVENT_SOURCE)
    return [
        EventSource(
            id=one.key,
            arn=one.value["source"],
            enabled=one.value["enabled"],
            batch_size=one.value["config"]["BatchSize"],
            window=one.value["config"]["MaximumBatchingWindowInSeconds"],
        )
        for one in records
        if one.value["function"].startswith(arn) and one.value["function"][len(arn) :][:1] in ("", ":")
    ]


async def _variables(request: ApiRequest, name: str) -> list[str]:
    """Their names; the values may be secrets."""
    try:
        reply = await request.read("lambda", "GetFunctionConfiguration", FunctionName=name)
    except AwsError:  # as where their key of KMS is disabled
        return []
    return sorted((reply.get("Environment") or {}).get("Variables") or ())


def _ms(text: str) -> int | None:
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return None


ROUTES: Routes = {
    "GET /functions": list_functions,
    "GET /functions/{name}": read_function,
    "POST /functions/{name}/invoke": invoke_function,
}
