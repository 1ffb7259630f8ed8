"""Tells CloudWatch Logs and telemetry subscribers what the platform does with one environment.

A function's log format decides whether its log gets lines of text (START, END, REPORT …) or events as JSON. The events
themselves are made in `platform_events`, the lines in `reports`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nightbus.clock import Clock
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.logs import platform_events as events
from nightbus.functions.logs import reports
from nightbus.functions.logs.log_levels import WARN, level_number
from nightbus.functions.logs.output import Output
from nightbus.functions.logs.platform_events import InvocationEnd, PlatformEvent

Listener = Callable[[PlatformEvent, int], None]
_MEGABYTE = 1024 * 1024


class PlatformLog:
    """`listener` gets every event with its time in UTC milliseconds, once an extension has subscribed."""

    def __init__(
        self, spec: FunctionSpec, output: Output, clock: Clock, stream: str, init_type: str = "on-demand"
    ) -> None:
        self.init_phase = "init"  # "invoke" where it is a part of the invocation
        self._spec = spec
        self._output = output
        self._clock = clock
        self._stream = stream
        self._is_json = spec.log_format == "JSON"
        self._least = level_number(spec.system_log_level)
        self._init_type = init_type
        self._trace = self._runtime = ""
        self.listener: Listener | None = None

    @property
    def _has_events(self) -> bool:
        return self._is_json or self.listener is not None

    def _tell(self, event: PlatformEvent) -> None:
        now = self._clock.now_ms()
        if self.listener is not None:
            self.listener(event, now)
        if self._is_json and event.level >= self._least:
            self._output.say(events.as_json(event, now))

    def _say(self, *lines: str) -> None:
        if not self._is_json:
            self._output.say(*lines)

    def _instance(self) -> dict[str, object]:
        spec = self._spec
        return {
            "functionName": spec.name,
            "functionVersion": spec.version,
            "instanceId": self._stream,
            "instanceMaxMemory": spec.memory * _MEGABYTE,
        }

    def init_started(self, runtime: str, note: str, notes: Sequence[str]) -> None:
        """`runtime` is the version of the runtime ("python:3.11.v7"), `note` and `notes` are the node's own warnings:
        about the runtime, and about the function."""
        self._runtime = runtime
        region = self._spec.scope.region
        self._say(reports.init_start_line(region, runtime, note))
        if self._has_events:
            version = runtime, reports.runtime_arn(region, runtime)
            self._tell(events.init_start(self._init_type, "init", version, self._instance()))
        if not self._is_json:
            self._output.say(*notes)
        elif self._least <= WARN:
            warnings = [f"Nightbus: {note}", *notes] if note else notes
            self._output.say(*(events.warning(text, self._clock.now_ms()) for text in warnings))

    def init_ended(self, elapsed_ms: float, status: str = "success", error_type: str = "") -> None:
        if status != "success":
            self._say(reports.init_report_line(elapsed_ms, self.init_phase, status, error_type))
        if self._has_events:
            kind = self._init_type
            self._tell(events.init_runtime_done(kind, self.init_phase, status, error_type))
            self._tell(events.init_report(kind, self.init_phase, status, error_type, elapsed_ms))

    def extension(self, name: str, state: str, registered: Sequence[str], error_type: str) -> None:
        line = f"EXTENSION\tName: {name}\tState: {state}\tEvents: [{','.join(registered)}]"
        self._say(f"{line}\tError Type: {error_type}" if error_type else line)
        if self._has_events:
            self._tell(events.extension(name, state, registered, error_type))

    def subscribed(self, kind: str, name: str, types: Sequence[str]) -> None:
        """`kind` is telemetrySubscription or logsSubscription."""
        api = "LOGS" if kind == "logsSubscription" else "TELEMETRY"
        shown = ", ".join(one.title() for one in types)
        self._say(f"{api}\tName: {name}\tState: Subscribed\tTypes: [{shown}]")
        if self._has_events:
            self._tell(events.subscription(kind, name, types))

    def restore_started(self) -> None:
        region = self._spec.scope.region
        self._say(reports.restore_start_line(region, self._runtime))
        if self._has_events:
            version = self._runtime, reports.runtime_arn(region, self._runtime)
            self._tell(events.restore_start(version, self._instance()))

    def restore_ended(self, elapsed_ms: float, error_type: str) -> None:
        status = "error" if error_type else "success"
        self._say(reports.restore_report_line(elapsed_ms, error_type))
        if self._has_events:
            self._tell(events.restore_runtime_done(status, error_type))
            self._tell(events.restore_report(status, error_type, elapsed_ms))

    def started(self, request_id: str, trace: str) -> None:
        self._trace = trace
        if not self._is_json:
            self._output.say(reports.start_line(request_id, self._spec.version))
        if self._is_json or self.listener is not None:
            self._tell(events.start(request_id, self._spec.arn, self._spec.version, trace))

    def timed_out(self, request_id: str) -> None:
        self._say(reports.timeout_line(request_id, self._spec.timeout, self._clock.now_ms()))

    def fault(self, request_id: str, reason: str, error_type: str) -> None:
        """The process of the runtime or of an extension ended."""
        text = f"RequestId: {request_id} Error: {reason}"
        self._say(text)
        if self._has_events:
            self._tell(events.fault(f"{text}\n{error_type}"))

    def ended(self, end: InvocationEnd) -> None:
        if not self._is_json:
            self._output.say(reports.end_line(end.request_id), reports.report_line(end))
        if self._is_json or self.listener is not None:
            self._tell(events.runtime_done(end, self._trace))
            self._tell(events.report(end, reports.billed_ms(end), self._trace))
