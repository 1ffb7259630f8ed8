"""Runs one function's invocations in one process, one at a time, and turns each end of the process into a result.

Which environment gets an invocation is decided in `pool`, how its process comes to be in `zygotes`, what the runtime
and the node say to each other in `runtime_api`.

An environment's life
---------------------
state         the process                           leaves it when
new           does not exist                        `start` has forked it: initialising. ZygoteDied: the caller closes
initialising  imports the function's module         it asks for work: ready. It reports an init error, exits, or has not
                                                    asked 10 s + the time limit after the first `invoke`: ended
ready         waits in `GET /invocation/next`       `invoke` gives it an invocation: running
running       calls the handler                     it answers: answered. It exits, uses more than its memory limit or
                                                    more than its time limit, or the caller is cancelled: ended
answered      has sent a response or an error       it asks again: ready. It exits: ended. It has not asked after 1 s
                                                    (`settled`): the pool takes another one and closes it
ended         is gone, or has been sent SIGKILL     `close` has freed the port, the pipe and the folder

What the client gets, by how an invocation ends:
response                FunctionError absent, the payload (over 6 MB: Unhandled, Function.ResponseSizeTooLarge)
error                   Unhandled, the payload that the runtime sent
init error              Unhandled, the payload that the runtime sent, with the request id
exit                    Unhandled, Runtime.ExitError
over the memory limit   Unhandled, Runtime.OutOfMemory
over a time limit       Unhandled, Sandbox.Timedout

Invariants
----------
1. `usable` goes from True to False and never back: nothing but the constructor sets True. So the pool, once it has read
   False, ends the environment and needs no lock.
2. `_exit` gets its value once, from the zygote's report or from the zygote's own death. `_on_exit` sets `_ready` too,
   so that nobody waits for a process that is gone. Every wait for the process has a bound beside it: the time limits,
   1 s while it settles, 1 s after an init error, 2 s while it closes.
3. `_ready` means that there is nothing to wait for: the runtime asked, or reported an init error, or exited. Only
   `RuntimeApi.is_asked` means that it can be given work; `_run` looks at it again after each wait, and there is no
   `await` between the last look and `give`.
4. An answer belongs to the invocation that runs. The Runtime API takes one only for the request id that it gave last,
   and once; a process that has run out of time is killed, so that it has no next invocation to confuse with this one.
5. Where the process answered and has exited when both are seen, the answer counts.
6. A process that is killed takes with it what it forked: `kill` signals its process group, and the zygote, to which the
   kernel (of Linux) hands the orphans that left the group, kills those (`zygote_main.end_orphans`).
7. The log of an invocation is written before its result is returned (`flushed`), so that whoever has the result can
   read it.
8. A warm environment is taken only until 15 minutes and its time limit before its credentials end (`expires`), so that
   an invocation that has begun does not lose them on the way.

What would break them: two callers of `invoke` at once (the pool hands an environment to one), an `await` between
`is_asked` and `give`, or a way back from `usable` False.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from nightbus.aws.ids import new_hex
from nightbus.clock import Clock
from nightbus.functions.environment_paths import EnvironmentPaths, fork_request
from nightbus.functions.interface import (
    CredentialSource,
    FunctionSpec,
    InvokeResult,
    LogLine,
    LogPart,
    LogSink,
)
from nightbus.functions.log_levels import level_number, line_filter
from nightbus.functions.memory import PeakMemory, Processes
from nightbus.functions.outcomes import EnvironmentEnded, init_failure, result_of
from nightbus.functions.output import Output
from nightbus.functions.platform_events import InvocationEnd
from nightbus.functions.platform_log import PlatformLog
from nightbus.functions.removal import remove_tree
from nightbus.functions.reports import exit_reason, timeout_text
from nightbus.functions.response_stream import ResponseStream
from nightbus.functions.runtime_api import Answer, RuntimeApi
from nightbus.functions.runtime_connection import Invocation
from nightbus.functions.variables import log_group, variables
from nightbus.functions.zygotes import Zygote

log = logging.getLogger("nightbus.functions")

_INIT_SECONDS = 10.0
_CREDENTIAL_SECONDS = 12 * 3600
_SETTLE_SECONDS = 1.0
_SAMPLE_SECONDS = 0.1
_MEGABYTE = 1024 * 1024


class Environment:
    def __init__(
        self,
        spec: FunctionSpec,
        paths: EnvironmentPaths,
        clock: Clock,
        sink: LogSink,
        processes: Processes,
    ) -> None:
        self.spec = spec
        self._paths = paths
        self._clock = clock
        self._processes = processes
        started = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
        self.stream = f"{started:%Y/%m/%d}/[{spec.version}]{new_hex(32)}"
        self._log_group = log_group(spec)

        async def write(lines: Sequence[LogLine]) -> None:
            await self._write_safely(sink, LogPart(self._log_group, self.stream, lines))

        self._output = Output(clock, write)
        if spec.log_format == "JSON":
            self._output.is_written = line_filter(level_number(spec.application_log_level))
        self._platform = PlatformLog(spec, self._output, clock, self.stream)
        self._api = RuntimeApi(self._on_ready, self._on_answer)
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Answer | None] | None = None
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._init_error: Answer | None = None
        self._init_ms: float | None = None
        self._pid = 0
        self._peak = PeakMemory(clock)
        self._used = False
        self._over_memory = False
        self._tmp = Path(tempfile.mkdtemp(prefix="env-", dir=paths.scratch))
        self.usable = True
        self.expires = clock.monotonic() + _CREDENTIAL_SECONDS - 900 - spec.timeout
        self.idle_since = clock.monotonic()

    async def _write_safely(self, sink: LogSink, part: LogPart) -> None:
        try:
            await sink.write(self.spec.scope, part)
        except Exception:
            log.exception("%d log lines of %s were not written", len(part.lines), self.spec.name)

    async def start(
        self, zygote: Zygote, credentials: CredentialSource, endpoint: str, *, visible: list[Path] | None
    ) -> None:
        """Start the process; `invoke` waits for its init phase. Raises ZygoteDied.

        `visible` are the folders that stay visible where the sandbox covers their surroundings; None for no sandbox.
        """
        await self._api.listen()
        own = credentials.for_role(self.spec.role, self.spec.name, self.spec.scope, _CREDENTIAL_SECONDS)
        environment = variables(
            self.spec,
            self._paths.launch.variables,
            stream=self.stream,
            runtime_api=self._api.address,
            credentials=own,
            endpoint=endpoint,
        )
        request = fork_request(self.spec, self._paths, environment, self._tmp, visible)
        self._began = self._clock.monotonic()
        self._pid = await zygote.fork(request, self._output.write_end, self._on_exit)
        launch = self._paths.launch
        self._platform.init_started(launch.runtime.label, launch.runtime.note)
        self._output.say(*launch.notes)
        self._output.start()

    def _on_ready(self) -> None:
        if self._init_ms is None:
            self._init_ms = (self._clock.monotonic() - self._began) * 1000
        self._ready.set()

    def _on_answer(self, answer: Answer) -> None:
        if not answer.request_id:
            self._init_error = answer
            self._ready.set()
        else:
            self._run_ends(answer)

    def _run_ends(self, answer: Answer | None) -> None:
        """The invocation that runs has its answer, or gets none."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _on_exit(self, status: int) -> None:
        self.usable = False
        if self._pid:  # what it left behind, in case that the zygote is gone as well
            with contextlib.suppress(OSError):
                os.killpg(self._pid, signal.SIGKILL)
        if not self._exit.done():
            self._exit.set_result(status)
        self._loop.call_soon(self._run_ends, None)  # an answer in the same turn of the loop counts
        self._ready.set()

    async def invoke(
        self,
        payload: bytes,
        *,
        request_id: str,
        invoked_arn: str,
        client_context: str,
        trace: str,
        log_with_result: bool,
        stream: ResponseStream | None = None,
    ) -> InvokeResult:
        """Runs one invocation, and returns once its log is written. What the function does wrong is in the result.

        `payload`: the event, as JSON. `request_id`: the id of the invocation, by which its answer is
        known. `invoked_arn`: the function's ARN as the caller named it. `client_context`: JSON for the runtime, or
        "". `trace`: the header X-Amzn-Trace-Id; "" makes a new one. `stream` takes a response that the function
        streams. The time limit is the function's own, in seconds, and begins when its init phase has ended.
        """
        cold, self._used = not self._used, True
        self._output.begin()
        began = self._clock.monotonic()
        failure: EnvironmentEnded | None = None
        answer: Answer | None = None
        try:
            try:
                if cold:
                    await self._initialised(request_id)
                    began = self._clock.monotonic()
            finally:
                await self._output.drain(seen=True)
                self._platform.started(request_id, trace)
            answer = await self._run(payload, request_id, invoked_arn, client_context, trace, stream)
        except EnvironmentEnded as ended:
            failure = ended
        except asyncio.CancelledError:
            self.kill()
            raise
        elapsed = (self._clock.monotonic() - began) * 1000
        response, error = result_of(answer, failure, self._init_error, request_id)
        if answer is not None and answer.peak:
            self._peak.was_at_least(-(-answer.peak // 1024))
        elif self.usable:
            self._peak.measure_seldom(self._pid)
        await self._report(answer, failure, request_id, elapsed, cold)
        tail, unwritten = self._output.tail(), None
        self.idle_since = self._clock.monotonic()
        if log_with_result:
            unwritten = LogPart(self._log_group, self.stream, await self._output.take_pending())
        else:
            await self._output.flushed()
        return InvokeResult(response, error, tail, elapsed, self.stream, unwritten)

    async def settled(self) -> bool:
        """Whether a warm environment can take an invocation: it asks for the next one right after the one before, or
        it came to an end."""
        if self._ready.is_set():
            return self.usable
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), _SETTLE_SECONDS)
            return self.usable
        return False

    async def _initialised(self, request_id: str) -> None:
        try:
            await asyncio.wait_for(self._ready.wait(), _INIT_SECONDS + self.spec.timeout)
        except TimeoutError:
            self.kill()
            self._platform.init_ended((self._clock.monotonic() - self._began) * 1000, "timeout")
            raise await self._timed_out(request_id) from None
        if self._init_error is not None:
            self.usable = False
            self._peak.measure(self._pid)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._exit), 1.0)
            self.kill()
            failure = init_failure(self._init_error, request_id)
            self._init_failed(failure.error_type)
            self._output.say(*failure.log_lines)
            raise failure
        if self._exit.done():
            self._init_failed("Runtime.ExitError")
            raise await self._exited(request_id, self._exit.result())
        self._platform.init_ended(self._init_ms or 0.0)

    def _init_failed(self, error_type: str) -> None:
        elapsed = (self._clock.monotonic() - self._began) * 1000
        self._platform.init_ended(elapsed, "error", error_type)

    async def _run(
        self,
        payload: bytes,
        request_id: str,
        invoked_arn: str,
        client_context: str,
        trace: str,
        stream: ResponseStream | None,
    ) -> Answer:
        if self._exit.done():
            raise await self._exited(request_id, self._exit.result())
        self._answer = self._loop.create_future()
        now, seconds = self._clock.now_ms(), self.spec.timeout
        ends = self._clock.monotonic() + seconds
        self._watching = self._loop.call_later(min(_SAMPLE_SECONDS, seconds), self._watch, ends)
        answer = None
        try:
            invocation = Invocation.at(now, request_id, payload, seconds, invoked_arn, trace, client_context)
            if self._api.is_asked or await self._asks_again(ends):
                self._ready.clear()
                self._api.give(invocation, stream)
                answer = await self._answer
        finally:
            self._watching.cancel()
        if answer is not None:
            return answer
        if self._exit.done():
            raise await self._exited(request_id, self._exit.result())
        self._peak.measure(self._pid)
        self.kill()
        raise await self._timed_out(request_id)

    async def _asks_again(self, ends: float) -> bool:
        """Wait for the runtime, whose connection was lost while it asked. False where it did not by `ends`, or
        exited."""
        while not self._api.is_asked:
            self._ready.clear()
            rest = ends - self._clock.monotonic()
            if rest <= 0 or self._exit.done():
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), rest)
        return True

    def _watch(self, ends: float) -> None:
        """Look at the time and at the memory, ten times a second while an invocation runs. `ends`: its time limit."""
        rest = ends - self._clock.monotonic()
        if rest <= 0:
            return self._run_ends(None)
        limit = self.spec.memory * _MEGABYTE
        used = self._processes.used_bytes(self._pid, limit)
        self._peak.was_at_least(used // _MEGABYTE)
        if used > limit and not self._paths.debugger:
            self._over_memory = True
            self.kill()
        self._watching = self._loop.call_later(min(_SAMPLE_SECONDS, rest), self._watch, ends)

    async def _timed_out(self, request_id: str) -> EnvironmentEnded:
        await self._output.drain()
        self._platform.timed_out(request_id)
        said = f"RequestId: {request_id} Error: {timeout_text(self.spec.timeout)}"
        return EnvironmentEnded("Sandbox.Timedout", said, "timeout")

    async def _exited(self, request_id: str, status: int) -> EnvironmentEnded:
        reason = exit_reason(status, killed=self._over_memory)
        await self._output.drain()
        kind = "Runtime.OutOfMemory" if self._over_memory else "Runtime.ExitError"
        self._platform.fault(request_id, reason, kind)
        return EnvironmentEnded(kind, f"RequestId: {request_id} Error: {reason}")

    async def _report(
        self,
        answer: Answer | None,
        failure: EnvironmentEnded | None,
        request_id: str,
        elapsed: float,
        cold: bool,
    ) -> None:
        """Logs the rest of what the function said, END and REPORT."""
        error_type = (answer.error_type or "") if answer is not None else ""
        status = "error" if error_type else "success"
        if failure is not None:
            status, error_type = failure.status, failure.error_type
        await self._output.drain(seen=failure is None)
        self._platform.ended(
            InvocationEnd(
                request_id=request_id,
                status=status,
                error_type=error_type,
                is_handled=failure is None,
                began_ms=self._clock.now_ms() - int(elapsed),
                elapsed_ms=elapsed,
                produced_bytes=len(answer.payload) if answer is not None else 0,
                memory=self.spec.memory,
                used=self._peak.megabytes,
                init_ms=self._init_ms if cold else None,
            )
        )

    def kill(self) -> None:
        """The process and everything that it forked; the zygote reports the end."""
        self.usable = False
        if self._pid and not self._exit.done():
            with contextlib.suppress(OSError):
                os.killpg(self._pid, signal.SIGKILL)

    async def close(self) -> None:
        self.kill()
        if self._pid:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._exit), 2.0)
        self._api.close()
        await self._output.close()
        await asyncio.to_thread(remove_tree, self._tmp)
