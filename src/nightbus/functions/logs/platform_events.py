"""Makes the events by which Lambda tells what it does with an environment, as its Telemetry API has them. Pure.

Where a function logs JSON, CloudWatch Logs gets them too. Members and their order are those of AWS's logs; the levels
are AWS's own, by which `SystemLogLevel` filters.
Source: https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html,
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html#monitoring-cloudwatchlogs-log-level-mapping
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from nightbus.functions.logs.log_levels import DEBUG, INFO, WARN

_STARTS = '"type":"platform.start","record":{"requestId":"'
_REPORTS = '"type":"platform.report","record":{"requestId":"'
_TEXT_START, _JSON_EVENT = "START RequestId: ", '{"time":"'
STARTS = (_TEXT_START, _JSON_EVENT)  # what each line with a `started_request` begins with


class PlatformEvent(NamedTuple):
    """`level` decides whether CloudWatch Logs gets the event; telemetry subscribers get every one."""

    kind: str  # without "platform."
    record: Mapping[str, Any] | str
    level: int


class InvocationEnd(NamedTuple):
    """How an invocation ended. Durations are milliseconds, memory is MB.

    `status` is success, error or timeout. `error_type` is "" where it succeeded. `is_handled`: the runtime answered,
    if only with an error. `init_ms` and `restore_ms` are None for a warm environment.
    """

    request_id: str
    status: str
    error_type: str
    is_handled: bool
    began_ms: int
    elapsed_ms: float
    produced_bytes: int
    memory: int
    used: int
    init_ms: float | None = None
    restore_ms: float | None = None
    post_runtime_ms: float | None = None


def time_text(now_ms: int) -> str:
    moment = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{now_ms % 1000:03d}Z"


def as_json(event: PlatformEvent, now_ms: int) -> str:
    """Return the event on one line."""
    return json.dumps(as_document(event, now_ms), separators=(",", ":"), ensure_ascii=False)


def as_document(event: PlatformEvent, now_ms: int) -> dict[str, Any]:
    return {"time": time_text(now_ms), "type": f"platform.{event.kind}", "record": event.record}


def warning(text: str, now_ms: int) -> str:
    """Return the node's own warning on one line, in the form of what the runtimes log."""
    record = {"timestamp": time_text(now_ms), "level": "WARN", "message": text}
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False)


def started_request(message: str) -> str:
    """Return the request id of the invocation that begins with this line of a log; "" for any other line."""
    if message.startswith(_TEXT_START):
        return message[len(_TEXT_START) :].partition(" ")[0]
    if message.startswith(_JSON_EVENT) and _STARTS in message:
        return message.partition(_STARTS)[2].partition('"')[0]
    return ""


def is_report(message: str, request_id: str) -> bool:
    """Whether this line of a log is the last one of that invocation."""
    if message.startswith(f"REPORT RequestId: {request_id}"):
        return True
    return message.startswith(_JSON_EVENT) and f"{_REPORTS}{request_id}" in message


def init_start(kind: str, phase: str, runtime: tuple[str, str], instance: Mapping[str, Any]) -> PlatformEvent:
    """`kind` is the type of the initialisation; `runtime` are the version of the runtime and its ARN."""
    version, arn = runtime
    record = {
        "initializationType": kind,
        "phase": phase,
        "runtimeVersion": version,
        "runtimeVersionArn": arn,
        **instance,
    }
    return PlatformEvent("initStart", record, INFO)


def init_runtime_done(kind: str, phase: str, status: str, error_type: str) -> PlatformEvent:
    record = {"initializationType": kind, "phase": phase, "status": status, **_error(error_type)}
    return PlatformEvent("initRuntimeDone", record, _level(status, DEBUG))


def init_report(kind: str, phase: str, status: str, error_type: str, elapsed_ms: float) -> PlatformEvent:
    record = {
        "initializationType": kind,
        "phase": phase,
        "status": status,
        **_error(error_type),
        "metrics": {"durationMs": round(elapsed_ms, 3)},
    }
    return PlatformEvent("initReport", record, _level(status, DEBUG if kind == "on-demand" else INFO))


def start(request_id: str, arn: str, version: str, trace: str) -> PlatformEvent:
    record = {"requestId": request_id, "functionArn": arn, "version": version, **_tracing(trace)}
    return PlatformEvent("start", record, INFO)


def runtime_done(end: InvocationEnd, trace: str) -> PlatformEvent:
    record: dict[str, Any] = {"requestId": end.request_id, "status": end.status, **_error(end.error_type)}
    metrics: dict[str, Any] = {"durationMs": round(end.elapsed_ms, 3)}
    if end.is_handled:
        spans = [
            span("responseLatency", end.began_ms, end.elapsed_ms),
            span("responseDuration", end.began_ms + int(end.elapsed_ms), 0.0),
        ]
        metrics["producedBytes"] = end.produced_bytes
        record |= {**_tracing(trace), "spans": spans}
    else:
        record |= _tracing(trace)
    return PlatformEvent("runtimeDone", record | {"metrics": metrics}, _level(end.status, DEBUG))


def report(end: InvocationEnd, billed_ms: int, trace: str) -> PlatformEvent:
    metrics: dict[str, Any] = {
        "durationMs": round(end.elapsed_ms + (end.post_runtime_ms or 0), 3),
        "billedDurationMs": billed_ms,
        "memorySizeMB": end.memory,
        "maxMemoryUsedMB": min(end.used, end.memory),
    }
    if end.init_ms is not None:
        metrics["initDurationMs"] = round(end.init_ms, 3)
    if end.restore_ms is not None:
        metrics["restoreDurationMs"] = round(end.restore_ms, 3)
    record: dict[str, Any] = {"requestId": end.request_id, "metrics": metrics, **_tracing(trace)}
    if end.post_runtime_ms is not None:
        began = end.began_ms + int(end.elapsed_ms)
        record["spans"] = [span("extensionOverhead", began, end.post_runtime_ms)]
    record |= {"status": end.status, **_error(end.error_type)}
    return PlatformEvent("report", record, _level(end.status, INFO))


def restore_start(runtime: tuple[str, str], instance: Mapping[str, Any]) -> PlatformEvent:
    version, arn = runtime
    record = {"runtimeVersion": version, "runtimeVersionArn": arn, **instance}
    return PlatformEvent("restoreStart", record, INFO)


def restore_runtime_done(status: str, error_type: str) -> PlatformEvent:
    record = {"status": status, **_error(error_type)}
    return PlatformEvent("restoreRuntimeDone", record, _level(status, DEBUG))


def restore_report(status: str, error_type: str, elapsed_ms: float) -> PlatformEvent:
    record = {"status": status, **_error(error_type), "metrics": {"durationMs": round(elapsed_ms, 3)}}
    return PlatformEvent("restoreReport", record, _level(status, INFO))


def fault(text: str) -> PlatformEvent:
    return PlatformEvent("fault", text, WARN)


def extension(name: str, state: str, events: Sequence[str], error_type: str = "") -> PlatformEvent:
    record = {"name": name, "state": state, "events": list(events), **_error(error_type)}
    return PlatformEvent("extension", record, WARN if error_type else INFO)


def subscription(kind: str, name: str, types: Sequence[str]) -> PlatformEvent:
    """`kind` is telemetrySubscription or logsSubscription."""
    return PlatformEvent(kind, {"name": name, "state": "Subscribed", "types": list(types)}, INFO)


def logs_dropped(records: int, size: int) -> PlatformEvent:
    reason = "Consumer seems to have fallen behind as it has not acknowledged receipt of logs."
    record = {"reason": reason, "droppedRecords": records, "droppedBytes": size}
    return PlatformEvent("logsDropped", record, WARN)


def span(name: str, began_ms: int, elapsed_ms: float) -> dict[str, Any]:
    return {"name": name, "start": time_text(began_ms), "durationMs": round(elapsed_ms, 3)}


def _error(error_type: str) -> dict[str, str]:
    return {"errorType": error_type} if error_type else {}


def _level(status: str, of_success: int) -> int:
    return of_success if status == "success" else WARN


def _tracing(trace: str) -> dict[str, Any]:
    """Only of a sampled trace, as AWS does."""
    if "Sampled=1" not in trace:
        return {}
    return {"tracing": {"type": "X-Amzn-Trace-Id", "value": trace}}
