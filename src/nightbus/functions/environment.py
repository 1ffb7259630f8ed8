"""Runs one function's invocations in one process, one at a time, and turns each end of the process into a result.

Which environment gets an invocation is decided in `pool`, how its process comes to be in `zygotes`, what the runtime
and the node say to each other in `runtime_api`, and what the client gets in `outcomes`.

An environment's life
---------------------
state         the process                           leaves it when
new           does not exist                        `start` has forked it: initialising. ZygoteDied: the caller closes
initialising  imports the function's module         it asks for work: ready. It reports an init error, exits, or has not
                                                    asked 10 s after the first `invoke`: ended, and begun anew
ready         waits in `GET /invocation/next`       `invoke` gives it an invocation: running
running       calls the handler                     it answers: answered. It exits, uses more than its memory limit or
                                                    more than its time limit, or the caller is cancelled: ended
answered      has sent a response or an error       it asks again: ready. It exits: ended. It has not asked after 1 s
                                                    (`settled`): the pool takes another one and closes it
ended         is gone, or has been sent SIGKILL     `close` has freed the port, the pipe and the folder

Invariants
----------
1. `usable` goes from True to False and never back: nothing but the constructor sets True. So the pool, once it has read
   False, ends the environment and needs no lock.
2. `exit` of the process gets its value once: from the zygote, from its death, or from the supervisor of extensions.
   `_on_exit` sets `_ready` too, so that nobody waits for a process that is gone. Every wait for the process has a bound
   beside it: the time limits, 1 s while it settles, 1 s after an init error, 2 s while it closes.
3. `_ready` means that there is nothing to wait for: the runtime asked, or reported an init error, or exited. Only
   `RuntimeApi.is_asked` means that it can be given work; `_run` looks at it again after each wait, and there is no
   `await` between the last look and `give`.
4. An answer belongs to the invocation that runs. The Runtime API takes one only for the request id that it gave last,
   and once; a process that has run out of time is killed, so that it has no next invocation to confuse with this one.
5. Where the process answered and has exited when both are seen, the answer counts.
6. A process that is killed takes with it what it forked (`isolation.namespaces`; without these `isolation.orphans`).
7. The log of an invocation is written before its result is returned (`flushed`): who has the result can read it.
8. A warm environment is taken only until 15 minutes and its time limit before its credentials end (`expires`).

What would break them: two callers of `invoke` at once, an `await` between `is_asked` and `give`, `usable` set again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightbus.aws.ids import new_hex
from nightbus.clock import Clock
from nightbus.functions.environment_network import EnvironmentNetwork
from nightbus.functions.environment_paths import EnvironmentPaths, fork_request
from nightbus.functions.extensions.api import Connection
from nightbus.functions.extensions.host import ExtensionHost
from nightbus.functions.interface import CredentialSource, FunctionSpec, InvokeResult, LogSink, key_of
from nightbus.functions.limit_watch import LimitWatch
from nightbus.functions.logs.environment_log import EnvironmentLog, FinishedRun
from nightbus.functions.memory import PeakMemory, Processes
from nightbus.functions.outcomes import EnvironmentEnded, InitTimedOut, init_failure, result_of
from nightbus.functions.process import EnvironmentProcess
from nightbus.functions.removal import remove_tree
from nightbus.functions.runtime_api.api import Answer, RuntimeApi
from nightbus.functions.runtime_api.connection import Invocation
from nightbus.functions.runtime_api.response_stream import ResponseStream
from nightbus.functions.variables import variables
from nightbus.functions.zygotes import Zygote

_INIT_SECONDS = 10.0
_LONGEST_INIT_SECONDS = 1000.0
_CREDENTIAL_SECONDS = 12 * 3600
_SETTLE_SECONDS = 1.0
_RESTORE_SECONDS = 10.0


class Environment:
    def __init__(
        self, spec: FunctionSpec, paths: EnvironmentPaths, clock: Clock, sink: LogSink, processes: Processes,
        network: EnvironmentNetwork | None = None,
    ) -> None:  # fmt: skip
        self.spec, self.key = spec, key_of(spec)
        self._paths, self._clock = paths, clock
        self._log = EnvironmentLog(spec, clock, sink)
        self.output_written = self._log.written
        self._output, self._platform = self._log.output, self._log.platform
        self._api = RuntimeApi(self._on_ready, self._on_answer, network)
        self._api.others = self._serve_extension
        self._ready = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._answer: asyncio.Future[Answer | None] | None = None
        self._process = EnvironmentProcess(self._on_exit, network)
        self._extensions = self._host(paths.extensions) if paths.extensions else None
        self._end_reason, self._deadline = "spindown", 0.0
        self.rest: asyncio.Task[None] | None = None  # what extensions do after an invocation's answer
        self._init_error: Answer | None = None
        self._init_ms: float | None = None
        self._restore_ms: float | None = None
        self._peak = PeakMemory(clock)
        told = self._is_over_memory, self._is_at_rest
        self._watch = LimitWatch(self._process, processes, self._peak, spec.memory, *told)
        self._used = self._is_initialised = self._over_memory = self._repeats_init = self._is_too_slow = False
        self._tmp = paths.scratch / f"env-{new_hex(32)}"  # made by the process where it has no /tmp
        self.usable = True
        self.expires = clock.now_ms() + (_CREDENTIAL_SECONDS - 900 - spec.timeout) * 1000  # UTC, as tokens
        self.idle_since = clock.monotonic()

    async def start(
        self, zygote: Zygote, credentials: CredentialSource, endpoint: str, *, visible: list[Path] | None
    ) -> None:
        """Start the process; `invoke` waits for its init phase. Raises ZygoteDied. `visible`: as in `fork_request`."""
        await self._api.listen()
        spec = self.spec
        own = credentials.for_function(spec.role, spec.arn, _CREDENTIAL_SECONDS, spec.role_id)
        stream, address, launch = self._log.stream, self._api.address, self._paths.launch
        shown = variables(
            self.spec, launch.variables, stream=stream, runtime_api=address, credentials=own, endpoint=endpoint,
        )  # fmt: skip
        request = fork_request(self.spec, self._paths, shown, self._tmp, visible)
        self._began = self._clock.monotonic()
        more = self._extensions.descriptors if self._extensions is not None else ()
        await self._process.start(zygote, request, shown, self._output.write_end, more)
        self._platform.init_started(launch.runtime.label, launch.runtime.note, launch.notes)
        self._output.start()
        if self._extensions is not None:
            self._extensions.started()

    def _host(self, external: Sequence[str]) -> ExtensionHost:
        process, failed = self._process, self._extension_failed
        return ExtensionHost(self.spec, external, self._log, self._clock, self._api, process, failed)

    def _serve_extension(
        self, connection: Connection, method: bytes, url: bytes, headers: Mapping[bytes, str], body: bytes
    ) -> bytes | None:
        """An internal extension is known when it registers."""
        if self._extensions is None:
            self._extensions = self._host(())
            self._extensions.registry.is_closed = self._init_ms is not None
        return self._extensions.handle(connection, method, url, headers, body)

    def _extension_failed(self) -> None:
        self.usable = False
        self._ready.set()
        self._run_ends(None)

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

    def _on_exit(self) -> None:
        self.usable = False
        self._loop.call_soon(self._run_ends, None)  # an answer in the same turn of the loop counts
        self._ready.set()

    async def invoke(
        self, payload: bytes, *, request_id: str, invoked_arn: str, client_context: str, trace: str,
        log_with_result: bool, stream: ResponseStream | None = None,
    ) -> InvokeResult:  # fmt: skip
        """Runs one invocation, and returns once its log is written. What the function does wrong is in the result.
        Raises InitTimedOut.

        `payload`: the event, as JSON. `request_id`: the id of the invocation, by which its answer is known.
        `invoked_arn`: the function's ARN as the caller named it. `client_context`: JSON for the runtime, or "".
        `trace`: the header X-Amzn-Trace-Id, or "". `stream` takes a response that the function streams.
        """
        cold, self._used = not self._used, True
        waits = not self._is_initialised or self._api.restoring is not None
        self._output.begin()
        began = self._clock.monotonic()
        failure: EnvironmentEnded | None = None
        answer: Answer | None = None
        try:
            try:
                if not self._is_initialised and not self._repeats_init:
                    await self.initialised(request_id)
                if self._api.restoring is not None:
                    await self._restored(request_id)
                began = self._clock.monotonic()
            finally:
                if not self._is_too_slow:
                    # What it printed while it began; an init that is repeated comes after START.
                    await self._output.drain(seen=not waits or self._repeats_init)
                    self._platform.started(request_id, trace)
            if not self._is_initialised:
                await self.initialised(request_id, self.spec.timeout)
            spent = self._clock.monotonic() - began if self._repeats_init and cold else 0
            now, rest = self._clock.now_ms(), self.spec.timeout - spent
            invocation = Invocation.at(now, request_id, payload, rest, invoked_arn, trace, client_context)
            answer = await self._run(invocation, stream, rest)
        except EnvironmentEnded as ended:
            failure = ended
            self.kill()
        except asyncio.CancelledError:
            self.kill()
            raise
        elapsed = (self._clock.monotonic() - began) * 1000
        response, error = result_of(answer, failure, self._init_error, request_id)
        if answer is not None and answer.peak:
            self._peak.was_at_least(-(-answer.peak // 1024))
        elif self.usable:
            self._peak.measure_seldom(self._process.pid)
        run = FinishedRun(
            request_id, answer, failure, elapsed, cold, self._peak.megabytes, self._init_ms, self._restore_ms,
        )  # fmt: skip
        extensions, self.rest = self._extensions, None
        if extensions is None or failure is not None or extensions.is_idle:
            await self._log.report(run)
        else:  # the client has its answer while they go on; END and REPORT come after them
            self.rest = asyncio.create_task(self._end_with_extensions(extensions, run))
        tail, unwritten = self._output.tail(), None
        self.idle_since = self._clock.monotonic()
        if log_with_result:
            unwritten = self._log.part(await self._output.take_pending())
        else:
            await self._log.flushed()
        init_ms = (self._restore_ms or self._init_ms or elapsed) if waits else None
        return InvokeResult(response, error, tail, elapsed, self._log.stream, unwritten, init_ms)

    async def settled(self) -> bool:
        """Whether a warm environment can take an invocation: it asks for the next one right after the one before, or
        it came to an end."""
        if not self._ready.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), _SETTLE_SECONDS)
        return self._ready.is_set() and self.usable

    def repeat_init(self) -> None:
        """Its init phase is a part of the first invocation, since that of another environment took too long."""
        self._repeats_init, self._platform.init_phase = True, "invoke"

    async def initialised(self, request_id: str, seconds: float | None = None) -> None:
        self._watch.start(_LONGEST_INIT_SECONDS, lambda: None)  # for its memory
        try:
            debugged = self.spec.timeout if self._paths.debugger else 0
            async with asyncio.timeout(seconds or _INIT_SECONDS + debugged):
                await self._ready.wait()
                if self._extensions is not None and self._init_ms is not None and self.usable:
                    await self._extensions.initialised()
                    self._init_ms = (self._clock.monotonic() - self._began) * 1000
        except TimeoutError:
            self.kill("timeout")
            self._platform.init_ended((self._clock.monotonic() - self._began) * 1000, "timeout")
            if seconds is None:
                self._is_too_slow = True
                raise InitTimedOut from None
            raise await self._log.timed_out(request_id) from None
        finally:
            self._watch.start_idle()
        if self._extensions is not None:
            self._extensions.end_init()
            if self._extensions.failure is not None:
                self._init_failed(self._extensions.failure.error_type)
                raise await self._log.extension_failed(request_id, self._extensions.failure)
        if self._init_error is not None:
            self.usable = False
            self._peak.measure(self._process.pid)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._process.exit), 1.0)
            self.kill()
            failure = init_failure(self._init_error, request_id)
            self._init_failed(failure.error_type)
            self._output.say(*failure.log_lines)
            raise failure
        if self._process.exit.done():
            self._init_failed("Runtime.OutOfMemory" if self._over_memory else "Runtime.ExitError")
            raise await self._exited(request_id)
        self._is_initialised = True
        self._platform.init_ended(self._init_ms or 0.0)

    async def _restored(self, request_id: str) -> None:
        """The runtime goes on from its snapshot, with the hooks for the time after that."""
        began = self._clock.monotonic()
        self._platform.restore_started()
        self._ready.clear()
        self._watch.start(_RESTORE_SECONDS, lambda: None)
        self._api.restore()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ready.wait(), _RESTORE_SECONDS)
        error = self._init_error.error_type if self._init_error is not None else None
        if error is None and not self._api.is_asked:
            error = "Runtime.ExitError" if self._process.exit.done() else "Sandbox.Timedout"
        self._restore_ms = (self._clock.monotonic() - began) * 1000
        self._platform.restore_ended(self._restore_ms, error or "")
        if error is not None:
            said = f"RequestId: {request_id} Error: the snapshot was not restored"
            raise EnvironmentEnded(error, "" if self._init_error is not None else said)

    def _init_failed(self, error_type: str) -> None:
        self._platform.init_ended((self._clock.monotonic() - self._began) * 1000, "error", error_type)

    async def _run(self, invocation: Invocation, stream: ResponseStream | None, seconds: float) -> Answer:
        request_id = invocation.request_id
        if self._process.exit.done():
            raise await self._exited(request_id)
        self._answer = self._loop.create_future()
        self._deadline = ends = self._clock.monotonic() + seconds
        self._watch.start(seconds, lambda: self._run_ends(None))
        answer = None
        try:
            if self._api.is_asked or await self._asks_again(ends):
                self._ready.clear()
                self._api.give(invocation, stream)
                if self._extensions is not None:
                    self._extensions.invoke(request_id, invocation.headers)
                answer = await self._answer
        finally:
            self._watch.start_idle()
        if answer is not None:
            return answer
        if self._extensions is not None and self._extensions.failure is not None:
            raise await self._log.extension_failed(request_id, self._extensions.failure)
        if self._process.exit.done():
            raise await self._exited(request_id)
        self._peak.measure(self._process.pid)
        self.kill("timeout")
        raise await self._log.timed_out(request_id)

    async def _asks_again(self, ends: float) -> bool:
        """Wait for the runtime, whose connection was lost while it asked. False where it did not by `ends`, or
        exited."""
        while not self._api.is_asked:
            self._ready.clear()
            rest = ends - self._clock.monotonic()
            if rest <= 0 or self._process.exit.done():
                return False
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ready.wait(), rest)
        return True

    def _is_over_memory(self) -> None:
        if not self._paths.debugger:
            self._over_memory = True
            self.kill()

    @property
    def is_frozen(self) -> bool:
        return self._process.is_frozen

    def _is_at_rest(self) -> bool:
        """They wait: it is to be frozen, unless a debugger waits too. A runtime that asks no more ends at its limit."""
        limit = 0 if self._paths.debugger else self._deadline
        if self._is_initialised and not self._api.is_waiting and 0 < limit < self._clock.monotonic():
            self.kill("timeout")
        waits = self._api.is_waiting and self._is_initialised and self.usable and not self._paths.debugger
        return waits and (self._extensions is None or self._extensions.is_at_rest())

    async def _end_with_extensions(self, extensions: ExtensionHost, run: FinishedRun) -> None:
        began = self._clock.monotonic()
        self._watch.start(self._deadline - began, lambda: None)
        if not await extensions.finished(self._deadline - began):
            if self._process.exit.done():
                failure = await self._exited(run.request_id)
            elif extensions.failure is not None:
                failure = await self._log.extension_failed(run.request_id, extensions.failure)
            else:
                failure = await self._log.timed_out(run.request_id)
            self.kill("timeout" if failure.status == "timeout" else "failure")
            run = run._replace(failure=failure)
        self._watch.start_idle()
        after_ms = (self._clock.monotonic() - began) * 1000
        await self._log.report(run._replace(used=self._peak.megabytes, post_runtime_ms=after_ms))
        self.idle_since = self._clock.monotonic()
        await self._log.flushed()

    async def _exited(self, request_id: str) -> EnvironmentEnded:
        status = self._process.exit.result()
        return await self._log.exited(request_id, status, over_memory=self._over_memory)

    def kill(self, reason: str = "failure") -> None:
        """End the runtime; where there are extensions, `close` ends these, and tells them the reason."""
        if self.usable or self._end_reason == "spindown":
            self._end_reason = reason
        self.usable = False
        if self._extensions is not None and self._extensions.is_supervised:
            self._extensions.kill_runtime()
        else:
            self._process.kill()

    async def close(self) -> None:
        self.usable = False
        self._watch.stop()
        if self.rest is not None:
            self.rest.cancel()
        if self._extensions is not None:
            await self._extensions.shut_down(self._end_reason)
        self._process.kill()
        await self._process.wait_gone(2.0)
        self._api.close()
        if self._extensions is not None:
            self._extensions.close()
        await self._output.close()
        await asyncio.to_thread(remove_tree, self._tmp)
