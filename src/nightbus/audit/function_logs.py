"""Writes into a function's own log that a request of it was refused, and how to find out why.

The line goes to the stream in which the invocation began, once the beginning is there: the log of a short invocation is
written at its end. By best effort: what has not begun after `_MOST_ATTEMPTS` seconds is left alone.
"""

from __future__ import annotations

from nightbus.audit.refusals import Refused
from nightbus.aws.arn import last_part
from nightbus.aws.calls import Scope
from nightbus.aws.trace_header import parent_in
from nightbus.clock import Clock
from nightbus.functions.interface import LogLine, LogPart, LogSink
from nightbus.functions.logs.platform_events import warning
from nightbus.messaging.log_streams import log_name, stream_of
from nightbus.services.lambda_.records import FUNCTION
from nightbus.store.interface import Store

_MOST_ATTEMPTS = 60
_AGAIN_SECONDS = 1.0


async def tell_function(store: Store, sink: LogSink, clock: Clock, refused: Refused) -> None:
    """Write the line, if the refused request came from within an invocation."""
    now = clock.now_ms()
    call = refused.call
    segment = parent_in(call.trace) if call.trace else ""
    if not segment or call.via or not refused.enforced:
        return
    scope = Scope(call.caller.account, call.scope.region)
    function = await store.get(scope, FUNCTION, last_part(call.caller.arn))  # the session is named after it
    if function is None:
        return
    group = function.value["latest"]["config"]["LoggingConfig"]["LogGroup"]
    for _ in range(_MOST_ATTEMPTS):
        logs = await store.logs(scope, log_name(group, ""))
        starts = await store.read(scope, logs, key=segment, limit=10) if logs else []
        if not starts:
            await clock.sleep(_AGAIN_SECONDS)
            continue
        what = f"{refused.request.action} on {refused.request.resource} was refused"
        line = warning(f"{what}: nightbus why-denied {call.request_id}", now)
        await sink.write(scope, LogPart(group, stream_of(starts[-1].log), [LogLine(now, line)], call.caller))
        return
