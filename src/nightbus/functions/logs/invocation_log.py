"""Keeps how each invocation ended: how long it took, what it used, and its error, in a log of the account and Region.

An entry is written in the commit that writes the invocation's own lines. So the list of a function's invocations costs
no commit, and is there as well where the function may not write to its log group. Retention is that of the history.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.logs.platform_events import InvocationEnd
from nightbus.functions.logs.reports import billed_ms
from nightbus.functions.runtime_api.api import Answer
from nightbus.store.interface import Append, Entry, Store

INVOCATIONS = "lambda/invocations"  # key: the function's name
_LONGEST_MESSAGE = 500
_LONGEST_PAYLOAD = 256 * 1024


@dataclass(frozen=True, slots=True)
class EndedInvocation:
    """One invocation that ended at `time` (UTC ms). Durations are milliseconds, memory is MB.

    `outcome` is `success`, `error` or `timeout`; `init` is how long its environment took to be initialised or restored,
    None for a warm one. `offset` orders the invocations.
    """

    offset: int
    time: int
    function: str
    request_id: str
    version: str
    outcome: str
    code: str
    message: str
    duration: float
    billed: int
    init: float | None
    memory: int
    used: int
    group: str
    stream: str


def ended(
    spec: FunctionSpec, end: InvocationEnd, error: tuple[str, str], group: str, stream: str, now_ms: int
) -> Append:
    """The entry of an invocation. `error` is its type and message."""
    code, message = error
    init = end.init_ms if end.init_ms is not None else end.restore_ms
    values = [
        end.request_id,
        spec.version,
        end.status,
        code[:_LONGEST_MESSAGE],
        message[:_LONGEST_MESSAGE],
        round(end.elapsed_ms + (end.post_runtime_ms or 0), 2),
        billed_ms(end),
        None if init is None else round(init, 2),
        end.memory,
        min(end.used, end.memory),
        group,
        stream,
    ]
    return Append(spec.scope, INVOCATIONS, now_ms, orjson.dumps(values), spec.name)


def error_of(answer: Answer | None) -> tuple[str, str]:
    """What the function says that went wrong: the error's type and message, "" twice for a success."""
    if answer is None or answer.error_type is None:
        return "", ""
    payload: Any = None
    if len(answer.payload) <= _LONGEST_PAYLOAD:
        with contextlib.suppress(ValueError):
            payload = json.loads(answer.payload)
    members = payload if isinstance(payload, dict) else {}
    code, message = members.get("errorType"), members.get("errorMessage")
    return _text(code) or answer.error_type, _text(message)


def _text(value: Any) -> str:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def invocation_of(entry: Entry) -> EndedInvocation:
    return EndedInvocation(entry.offset, entry.time, entry.key, *orjson.loads(entry.data))


async def last_invocations(
    store: Store, scope: Scope, function: str, limit: int, before: int = 0
) -> list[EndedInvocation]:
    """The newest first; with `before` (an offset) those that ended before that one."""
    entries = await store.read(scope, INVOCATIONS, key=function, after=before, limit=limit, backwards=True)
    return [invocation_of(entry) for entry in entries]
