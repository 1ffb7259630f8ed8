"""Writes the texts by which Lambda reports, in the log and to the client, how an invocation began and ended."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
from datetime import UTC, datetime


def init_start_line(region: str, version: str, note: str) -> str:
    """Begins the log of an environment; AWS's tools skip it. `version` is Python's ("3.11.7"), `note` the node's own.

    https://docs.aws.amazon.com/lambda/latest/dg/runtime-management-identify.html
    """
    minor, _, patch = version.rpartition(".")
    runtime = f"python:{minor}.v{patch}"
    arn = f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(runtime.encode()).hexdigest()}"
    line = f"INIT_START Runtime Version: {runtime}\tRuntime Version ARN: {arn}"
    return f"{line}\tNightbus: {note}" if note else line


def start_line(request_id: str, version: str) -> str:
    return f"START RequestId: {request_id} Version: {version}"


def end_line(request_id: str) -> str:
    return f"END RequestId: {request_id}"


def report_line(
    request_id: str, *, elapsed_ms: float, init_ms: float | None, memory: int, used: int, status: str
) -> str:
    """`init_ms` on a cold start only; it is billed as well."""
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {elapsed_ms:.2f} ms",
        f"Billed Duration: {max(1, math.ceil(elapsed_ms + (init_ms or 0)))} ms",
        f"Memory Size: {memory} MB",
        f"Max Memory Used: {min(used, memory)} MB",
    ]
    if init_ms is not None:
        parts.append(f"Init Duration: {init_ms:.2f} ms")
    if status:
        parts.append(f"Status: {status}")
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
    """An error of the init phase does not know yet which invocation it fails."""
    try:
        body = json.loads(payload)
    except ValueError:
        return payload
    if isinstance(body, dict):
        body["requestId"] = body.get("requestId") or request_id
    return json.dumps(body).encode()
