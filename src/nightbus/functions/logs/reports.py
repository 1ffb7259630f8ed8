"""Writes the texts by which Lambda reports, in the log and to the client, how an invocation began and ended."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
from datetime import UTC, datetime

from nightbus.functions.logs.platform_events import InvocationEnd


def runtime_arn(region: str, runtime: str) -> str:
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"


def init_start_line(region: str, runtime: str, note: str) -> str:
    """Begins the log of an environment; AWS's tools skip it. `runtime` is "python:3.11.v7", `note` the node's own.

    https://docs.aws.amazon.com/lambda/latest/dg/runtime-management-identify.html
    """
    line = f"INIT_START Runtime Version: {runtime}\tRuntime Version ARN: {runtime_arn(region, runtime)}"
    return f"{line}\tNightbus: {note}" if note else line


def init_report_line(elapsed_ms: float, phase: str, status: str, error_type: str) -> str:
    """Said of an init phase that failed only."""
    line = f"INIT_REPORT Init Duration: {elapsed_ms:.2f} ms\tPhase: {phase}\tStatus: {status}"
    return f"{line}\tError Type: {error_type}" if error_type else line


def restore_start_line(region: str, runtime: str) -> str:
    return f"RESTORE_START Runtime Version: {runtime}\tRuntime Version ARN: {runtime_arn(region, runtime)}"


def restore_report_line(elapsed_ms: float, error_type: str) -> str:
    line = f"RESTORE_REPORT Restore Duration: {elapsed_ms:.2f} ms"
    return f"{line}\tStatus: error\tError Type: {error_type}" if error_type else line


def start_line(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}"


def end_line(request_id: str) -> str:
    return f"END RequestId: {request_id}"


def billed_ms(end: InvocationEnd) -> int:
    """The init phase of a cold start is billed as well."""
    elapsed = end.elapsed_ms + (end.post_runtime_ms or 0) + (end.init_ms or 0) + (end.restore_ms or 0)
    return max(1, math.ceil(elapsed))


def report_line(end: InvocationEnd) -> str:
    """An error that the runtime reports itself is not told here."""
    parts = [
        f"REPORT RequestId: {end.request_id}",
        f"Duration: {end.elapsed_ms + (end.post_runtime_ms or 0):.2f} ms",
        f"Billed Duration: {billed_ms(end)} ms",
        f"Memory Size: {end.memory} MB",
        f"Max Memory Used: {min(end.used, end.memory)} MB",
    ]
    if end.init_ms is not None:
        parts.append(f"Init Duration: {end.init_ms:.2f} ms")
    if end.restore_ms is not None:
        parts.append(f"Restore Duration: {end.restore_ms:.2f} ms")
        parts.append(f"Billed Restore Duration: {math.ceil(end.restore_ms)} ms")
    if not end.is_handled:
        parts.append(f"Status: {end.status}")
        if end.status == "error":
            parts.append(f"Error Type: {end.error_type}")
    return "\t".join(parts) + "\t"


def timeout_text(seconds: int) -> str:
    return f"Task timed out after {seconds:.2f} seconds"


def timeout_line(request_id: str, seconds: int, now_ms: int) -> str:
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return f"{stamp}Z {request_id} {timeout_text(seconds)}\n"


def exit_reason(status: int, *, killed: bool) -> str:
    """`status` is the wait status; `killed`: by us, for its memory."""
    if killed:
        return "Runtime exited with error: signal: killed"
    if os.WIFSIGNALED(status):
        name = (signal.strsignal(os.WTERMSIG(status)) or "unknown").lower()
        return f"Runtime exited with error: signal: {name}"
    if os.WEXITSTATUS(status):
        return f"Runtime exited with error: exit status {os.WEXITSTATUS(status)}"
    return "Runtime exited without providing a reason"


def failure_payload(error_type: str, message: str) -> bytes:
    return json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()


def with_request_id(payload: bytes, request_id: str) -> bytes:
    """An error of the init phase does not know yet which invocation it fails. Python's says the id, Node.js's not."""
    try:
        body = json.loads(payload)
    except ValueError:
        return payload
    if isinstance(body, dict) and "requestId" in body:
        body["requestId"] = body.get("requestId") or request_id
    return json.dumps(body).encode()
