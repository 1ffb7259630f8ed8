"""Brings the extensions of one environment through its phases: init, invocations and shutdown.

External extensions are files in the folder `extensions` of the layers. They start before the runtime, which starts when
all of them have registered. An internal one is part of the runtime's process and registers by itself.
Source: https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nightbus.clock import Clock
from nightbus.functions.environment_paths import sandbox_address
from nightbus.functions.extensions.api import PREFIX, Connection, ExtensionsApi, refusal
from nightbus.functions.extensions.extension_output import ExtensionOutput
from nightbus.functions.extensions.registry import INVOKE, SHUTDOWN, ExtensionRegistry, Failure, Refused
from nightbus.functions.extensions.supervisor_link import SupervisorLink
from nightbus.functions.extensions.telemetry import LOGS, TELEMETRY, Telemetry
from nightbus.functions.interface import FunctionSpec
from nightbus.functions.logs.environment_log import EnvironmentLog
from nightbus.functions.process import EnvironmentProcess
from nightbus.functions.runtime_api.api import RuntimeApi

_SHUTDOWN_SECONDS = 2.0
_RUNTIME_SECONDS = 0.3  # of these, for the runtime to end
_INTERNAL_SECONDS = 0.5  # the same, where it has an internal extension
_DELIVERY_SECONDS = 3.0  # for telemetry before a freeze; what is left is delivered after the thaw
_EXIT_SECONDS = 0.5  # for one that has reported an error to exit


class ExtensionHost:
    """`failed` is called when an extension fails. `process` is the environment's."""

    def __init__(
        self,
        spec: FunctionSpec,
        external: Sequence[str],
        log: EnvironmentLog,
        clock: Clock,
        api: RuntimeApi,
        process: EnvironmentProcess,
        failed: Callable[[], None],
    ) -> None:
        self._platform = log.platform
        self._output = output = log.output
        self._clock = clock
        self._process = process
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        for end in (process.exit, process.gone):
            end.add_done_callback(lambda _: self._changed.set())
        self._has_told_failure = self._has_started_runtime = False
        self.registry = ExtensionRegistry(external, self._on_change)
        api.expect_extensions()
        told = self._platform.subscribed
        own = api.network.new_socket if api.network is not None else None
        address, is_frozen = lambda: sandbox_address(api.address), lambda: process.is_frozen
        self._telemetry = Telemetry(address, spec.log_format, told, own, is_frozen)
        self._delivers_until: float | None = None
        self._platform.listener, output.listener = self._telemetry.platform, self._telemetry.line
        self._api = ExtensionsApi(spec, self.registry, self._error_reported)
        self._link = SupervisorLink(self._heard) if external else None
        self._prints = ExtensionOutput(self._print, lambda: output.is_behind) if external else None

    @property
    def is_supervised(self) -> bool:
        return self._link is not None

    @property
    def failure(self) -> Failure | None:
        return self.registry.failure

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the supervisor gets beside the pipe of the runtime."""
        if self._link is None or self._prints is None:
            return ()
        return self._link.descriptor, self._prints.write_end

    def started(self) -> None:
        """The supervisor has its descriptors."""
        if self._link is not None and self._prints is not None:
            self._link.start()
            self._prints.start()

    def _print(self, line: str) -> None:
        self._output.add_line(line)

    def _heard(self, message: dict[str, Any]) -> None:
        if "runtime" in message:
            self._process.runtime_exited(message["runtime"])
        elif "failure" in message:
            self.registry.launch_failed(message["extension"], message["failure"])
        else:
            self.registry.exited(message["extension"], _exit_text(message["status"]))

    def _on_change(self) -> None:
        failure = self.registry.failure
        if failure is not None and not self._has_told_failure:
            self._has_told_failure = True
            self._failed()
        elif self._link is not None and self.registry.all_registered and not self._has_started_runtime:
            self._has_started_runtime = True
            self._link.send({"start": True})
        self._changed.set()

    def _error_reported(self) -> None:
        self._loop.call_later(_EXIT_SECONDS, self.registry.fail_reported)

    def handle(
        self, connection: Connection, method: bytes, url: bytes, headers: Mapping[bytes, str], body: bytes
    ) -> bytes | None:
        """The reply to a request; None where it comes later."""
        api = url.removesuffix(b"/")
        if method == b"PUT" and api in (TELEMETRY, LOGS):
            return self._subscribe(api, headers, body)
        return self._api.handle(connection, method, url.removeprefix(PREFIX), headers, body)

    def _subscribe(self, api: bytes, headers: Mapping[bytes, str], body: bytes) -> bytes:
        try:
            extension = self.registry.find(headers.get(b"lambda-extension-identifier", ""))
        except Refused as refused:
            return refusal(refused)
        return self._telemetry.handle(extension, api, body, is_closed=self.registry.is_closed)

    async def _until(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Whether the condition holds, by then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        return condition()

    async def initialised(self) -> None:
        """All of them wait for an event, or one has failed, or the runtime has exited."""
        await self._until(lambda: bool(self.failure) or self.registry.all_ready or self._process.exit.done())

    def end_init(self) -> None:
        """No further extension registers; the log tells of each."""
        self.registry.is_closed = True
        for one in self.registry:
            self._platform.extension(one.name, one.state, one.events, one.error_type)
        self._telemetry.close_backlog()
        if not self._telemetry.is_wanted:
            self._platform.listener = self._output.listener = None

    def invoke(self, request_id: str, headers: Mapping[str, str]) -> None:
        """`headers` are those of the runtime's invocation."""
        tracing = {"type": "X-Amzn-Trace-Id", "value": headers["Lambda-Runtime-Trace-Id"]}
        event = {
            "eventType": INVOKE,
            "deadlineMs": int(headers["Lambda-Runtime-Deadline-Ms"]),
            "requestId": request_id,
            "invokedFunctionArn": headers["Lambda-Runtime-Invoked-Function-Arn"],
            "tracing": tracing,
        }
        self._delivers_until = None
        self.registry.emit(INVOKE, event)

    def is_at_rest(self) -> bool:
        """All wait for an event, and subscribers have what there is; it is sent now where they do not. One that does
        not take it is not waited for."""
        if not self.registry.all_ready:
            return False
        if self._telemetry.deliver():
            return True
        if self._delivers_until is None:
            self._delivers_until = self._loop.time() + _DELIVERY_SECONDS
        return self._loop.time() >= self._delivers_until

    @property
    def is_idle(self) -> bool:
        return self.registry.all_ready

    async def finished(self, seconds: float) -> bool:
        """Whether all of them are done with the invocation, by then, and the runtime lives."""

        def is_over() -> bool:
            return bool(self.failure) or self._process.exit.done() or self.registry.all_ready

        done = await self._until(is_over, max(0.0, seconds))
        return done and self.failure is None and not self._process.exit.done()

    def kill_runtime(self) -> None:
        if self._link is not None:
            self._process.thaw()
            self._link.send({"signal": int(signal.SIGKILL)})

    async def shut_down(self, reason: str) -> None:
        """`reason` is spindown, timeout or failure: after these the runtime gets no time to end itself."""
        self.registry.is_shutting_down = True
        ends = self._clock.monotonic() + _SHUTDOWN_SECONDS
        if self._link is None:
            if self.registry.has_internal and reason == "spindown":
                await self._process.terminate()
                await asyncio.wait([self._process.exit], timeout=_INTERNAL_SECONDS)
            return
        self._process.thaw()
        if reason == "spindown" and not self._process.exit.done():
            self._link.send({"signal": int(signal.SIGTERM)})
            grace = _INTERNAL_SECONDS if self.registry.has_internal else _RUNTIME_SECONDS
            await asyncio.wait([self._process.exit], timeout=grace)
        self.kill_runtime()
        await self._telemetry.flush()
        left = ends - self._clock.monotonic()
        deadline = self._clock.now_ms() + int(left * 1000)
        self.registry.emit(
            SHUTDOWN, {"eventType": SHUTDOWN, "deadlineMs": deadline, "shutdownReason": reason}
        )
        await self._until(
            lambda: (
                self._process.gone.done()
                or not any(one.is_alive and SHUTDOWN in one.events for one in self.registry)
            ),
            left,
        )

    def close(self) -> None:
        """After the end of the process."""
        self._telemetry.close()
        if self._prints is not None:
            self._prints.close()
        if self._link is not None:
            self._link.close()


def _exit_text(status: int) -> str:
    if os.WIFSIGNALED(status):
        name = signal.strsignal(os.WTERMSIG(status)) or "unknown"
        return f"signal: {name.lower()}"
    code = os.WEXITSTATUS(status)
    return f"exit status {code}" if code else "exit code 0"
