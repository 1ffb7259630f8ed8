"""Writes the log of one environment: what the function prints, and how each invocation began and ended."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from nightbus.aws.calls import Caller, Session
from nightbus.aws.ids import new_hex
from nightbus.clock import Clock
from nightbus.functions.extensions.registry import Failure
from nightbus.functions.interface import FunctionSpec, LogLine, LogPart, LogSink
from nightbus.functions.logs.invocation_log import ended, error_of
from nightbus.functions.logs.log_levels import level_number, line_filter
from nightbus.functions.logs.output import Output
from nightbus.functions.logs.platform_events import InvocationEnd
from nightbus.functions.logs.platform_log import PlatformLog
from nightbus.functions.logs.reports import exit_reason, timeout_text
from nightbus.functions.outcomes import EnvironmentEnded
from nightbus.functions.runtime_api.api import Answer
from nightbus.functions.variables import log_group
from nightbus.messaging.log_writing import stream_name
from nightbus.store.interface import Append

log = logging.getLogger("nightbus.functions")


class FinishedRun(NamedTuple):
    """An invocation whose answer is there, or will not come. Durations are milliseconds, `used` is MB; `cold`: the
    first one."""

    request_id: str
    answer: Answer | None
    failure: EnvironmentEnded | None
    elapsed: float
    cold: bool
    used: int
    init_ms: float | None
    restore_ms: float | None
    post_runtime_ms: float | None = None


class EnvironmentLog:
    """`output` reads the pipe, `platform` says what the platform does; both end in the sink."""

    def __init__(self, spec: FunctionSpec, clock: Clock, sink: LogSink) -> None:
        self._spec = spec
        self._clock = clock
        self._sink = sink
        self._group = log_group(spec)
        self.stream = stream_name(self._group, spec.name, spec.version, clock.now_ms(), new_hex(32))
        self._writer = role_session(spec.role, spec.name, spec.arn, spec.role_id, clock.now_ms())
        self._records: list[Append] = []
        self.output = Output(clock, self._write_safely)
        if spec.log_format == "JSON":
            self.output.is_written = line_filter(level_number(spec.application_log_level))
        self.platform = PlatformLog(spec, self.output, clock, self.stream, spec.initialization)

    async def _write_safely(self, lines: Sequence[LogLine]) -> None:
        try:
            await self._sink.write(self._spec.scope, self.part(lines))
        except Exception:
            log.exception("%d log lines of %s were not written", len(lines), self._spec.name)

    def part(self, lines: Sequence[LogLine]) -> LogPart:
        records, self._records = self._records, []
        return LogPart(self._group, self.stream, lines, self._writer, records)

    async def flushed(self) -> None:
        """Return when the sink has all lines so far, and how the invocation ended: JSON may leave out its lines.

        They are handed over here and not by a task of `output`, which costs each invocation a turn of the event loop.
        """
        lines = await self.output.take_pending()
        if lines or self._records:
            await self._write_safely(lines)

    async def written(self) -> None:
        """Return when the sink has what was printed so far, also outside of invocations."""
        await self.output.drain()
        await self.flushed()

    async def timed_out(self, request_id: str) -> EnvironmentEnded:
        await self.output.drain()
        self.platform.timed_out(request_id)
        said = f"RequestId: {request_id} Error: {timeout_text(self._spec.timeout)}"
        return EnvironmentEnded("Sandbox.Timedout", said, "timeout")

    async def exited(self, request_id: str, status: int, *, over_memory: bool) -> EnvironmentEnded:
        """`status` is the wait status of the runtime."""
        kind = "Runtime.OutOfMemory" if over_memory else "Runtime.ExitError"
        return await self._fault(request_id, exit_reason(status, killed=over_memory), kind)

    async def extension_failed(self, request_id: str, failure: Failure) -> EnvironmentEnded:
        return await self._fault(request_id, failure.reason, failure.error_type)

    async def _fault(self, request_id: str, reason: str, kind: str) -> EnvironmentEnded:
        await self.output.drain()
        self.platform.fault(request_id, reason, kind)
        return EnvironmentEnded(kind, f"RequestId: {request_id} Error: {reason}")

    async def report(self, run: FinishedRun) -> None:
        """Write the rest of what the function said, END and REPORT."""
        answer, failure = run.answer, run.failure
        error_type = (answer.error_type or "") if answer is not None else ""
        status = "error" if error_type else "success"
        if failure is not None:
            status = failure.status
            error_type = "" if status == "timeout" else failure.error_type  # AWS names no type then
        await self.output.drain(seen=failure is None)
        now = self._clock.now_ms()
        end = InvocationEnd(
            request_id=run.request_id,
            status=status,
            error_type=error_type,
            is_handled=failure is None,
            began_ms=now - int(run.elapsed + (run.post_runtime_ms or 0)),
            elapsed_ms=run.elapsed,
            produced_bytes=len(answer.payload) if answer is not None else 0,
            memory=self._spec.memory,
            used=run.used,
            init_ms=run.init_ms if run.restore_ms is None and run.cold else None,
            restore_ms=run.restore_ms if run.cold else None,
            post_runtime_ms=run.post_runtime_ms,
        )
        self.platform.ended(end)
        error = error_of(answer) if failure is None else (failure.error_type, str(failure))
        self._records.append(ended(self._spec, end, error, self._group, self.stream, now))


def role_session(role: str, name: str, function_arn: str, role_id: str = "", issued: int = 0) -> Caller:
    """Return the caller as whom Lambda writes the log of the function `name`: it has the credentials that the function
    has, which were issued at `issued` (UTC ms) and need no trust policy any more."""
    caller = Caller.in_role(role, name, "lambda.amazonaws.com", function_arn)
    session = Session(role, issued, role_id=role_id, function=function_arn)
    return replace(caller, user_id=f"{role_id}:{name}", session=session)
