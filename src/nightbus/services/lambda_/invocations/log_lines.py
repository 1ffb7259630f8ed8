"""Finds the log lines of one invocation: those from its beginning to its report, in the same stream.

Or why there are none: a function's role that may not write its log.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from nightbus.aws.arn import Arn, last_part
from nightbus.aws.calls import Scope
from nightbus.functions.logs.environment_log import role_session
from nightbus.functions.logs.platform_events import is_report, started_request
from nightbus.messaging.log_streams import GROUP, log_name
from nightbus.messaging.log_writing import stream_name, writing_needs
from nightbus.services.context import Platform
from nightbus.services.lambda_.records import FUNCTION
from nightbus.store.interface import Entry, Store

_MOST_RUNS = 10
_MOST_LINES = 500
_ANY_ENVIRONMENT = "0" * 32


async def runs_of(store: Store, function_arn: str, segment: str) -> list[dict[str, Any]] | None:
    """Each time that the invocation of this segment ran: `{"request_id", "log": [{"time", "message"}]}`, in order.

    Lambda runs an asynchronous one anew that failed, under the same request id. None of a function that is gone.
    """
    parsed = Arn.parse(function_arn)
    scope, name = Scope(parsed.account, parsed.region), parsed.resource.split(":")[1]
    function = await store.get(scope, FUNCTION, name)
    if function is None:
        return None
    group = function.value["latest"]["config"]["LoggingConfig"]["LogGroup"]
    logs = await store.logs(scope, log_name(group, ""))
    return [_run(lines) for lines in await entries_of_runs(store, scope, logs, segment)]


async def entries_of_runs(store: Store, scope: Scope, logs: Sequence[str], segment: str) -> list[list[Entry]]:
    """Of each time that the invocation of this segment ran, the entries of its lines, in one of these logs."""
    starts = await store.read(scope, logs, key=segment, limit=_MOST_RUNS) if logs else []
    return [await _lines(store, scope, start) for start in starts]


async def log_refusal(platform: Platform, function_arn: str) -> str:
    """Return which permission the function's role lacks now to write its log, "" if it lacks none."""
    authorizer = platform.authorizer
    parsed = Arn.parse(function_arn)
    scope, name = Scope(parsed.account, parsed.region), parsed.resource.split(":")[1]
    function = await platform.store.get(scope, FUNCTION, name)
    if function is None or authorizer is None or not authorizer.enforces:
        return ""
    config = function.value["latest"]["config"]
    group, role = config["LoggingConfig"]["LogGroup"], config["Role"]
    has_group = await platform.store.get(scope, GROUP, group) is not None
    writer = role_session(role, name, function_arn)
    stream = stream_name(group, name, "$LATEST", platform.clock.now_ms(), _ANY_ENVIRONMENT)
    for need in writing_needs(scope, group, stream, has_group=has_group):
        if not await authorizer.admits(writer, scope, need):
            return f"its role {last_part(role)} may not {need.action} on {group}"
    return ""


async def _lines(store: Store, scope: Scope, start: Entry) -> list[Entry]:
    request_id = started_request(_message(start))
    lines = [start]
    for entry in await store.read(scope, start.log, after=start.offset, limit=_MOST_LINES):
        message = _message(entry)
        if started_request(message):
            break
        lines.append(entry)
        if is_report(message, request_id):
            break
    return lines


def _run(lines: Sequence[Entry]) -> dict[str, Any]:
    return {
        "request_id": started_request(_message(lines[0])),
        "log": [{"time": line.time, "message": _message(line).rstrip("\n")} for line in lines],
    }


def _message(entry: Entry) -> str:
    return str(orjson.loads(entry.data)[1])
