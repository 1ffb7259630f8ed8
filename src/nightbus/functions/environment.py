"""One execution environment: a process that runs one invocation of one function at a time.

It is started (init phase), asked again and again, and ends by itself (exit), by its time limit, by its memory limit, or
because nobody needs it any more. What a client sees of each end is decided here, in AWS's words.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import math
import os
import shutil
import signal
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from nightbus.aws.ids import new_hex
from nightbus.clock import Clock
from nightbus.functions.interface import (
    CredentialSource,
    FunctionSpec,
    InvokeResult,
    LogLine,
    LogSink,
)
from nightbus.functions.interpreters import Interpreter
from nightbus.functions.memory import Processes, peak_megabytes
from nightbus.functions.output import Output
from nightbus.functions.runtime_api import Answer, RuntimeApi, Work
from nightbus.functions.variables import log_group, variables
from nightbus.functions.zygotes import Zygote, ZygoteDied

log = logging.getLogger("nightbus.functions")

_INIT_SECONDS = 10.0
_CREDENTIAL_SECONDS = 12 * 3600
_SAMPLE_SECONDS = 0.1
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Place:
    """The folders that an environment sees: `layers` and `pycache` where there are any."""

    code: Path
    layers: Path | None
    pycache: Path
    scratch: Path  # where its own /tmp is made
    hidden: tuple[Path, ...]  # what functions must not see


class _Ended(Exception):
    """The environment is no more; `payload` is what the client gets."""

    def __init__(self, error_type: str, message: str, status: str = "error") -> None:
        super().__init__(message)
        self.error_type = error_type
        self.status = status


class Environment:
    def __init__(
        self,
        spec: FunctionSpec,
        place: Place,
        clock: Clock,
        sink: LogSink,
        interpreter: Interpreter,
        processes: Processes,
    ) -> None:
        self.spec = spec
        self._place = place
        self._clock = clock
        self._interpreter = interpreter
        self._processes = processes
        started = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
        self.stream = f"{started:%Y/%m/%d}/[{spec.version}]{new_hex(32)}"
        group = log_group(spec)

        async def write(lines: Any) -> None:
            await self._write_safely(sink, group, lines)

        self._output = Output(clock, write)
        self._api = RuntimeApi(self._on_ready, self._on_answer)
        self._ready = asyncio.Event()
        self._answer: asyncio.Future[Answer] | None = None
        self._exit: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._init_error: Answer | None = None
        self._init_ms: float | None = None
        self._pid = 0
        self._peak = 0
        self._killed_for = ""
        self._tmp = Path(tempfile.mkdtemp(prefix="env-", dir=place.scratch))
        self.usable = True
        self.expires = clock.monotonic() + _CREDENTIAL_SECONDS - 900 - spec.timeout
        self.idle_since = clock.monotonic()

    async def _write_safely(self, sink: LogSink, group: str, lines: list[LogLine]) -> None:
        try:
            await sink.write(self.spec.scope, group, self.stream, lines)
        except Exception:
            log.exception("%d log lines of %s were not written", len(lines), self.spec.name)

    async def start(
        self, zygote: Zygote, credentials: CredentialSource, endpoint: str, *, sandbox: bool
    ) -> None:
        """Start the process; `invoke` waits for its init phase. Raises ZygoteDied."""
        await self._api.listen()
        own = credentials.for_role(self.spec.role, self.spec.name, self.spec.scope, _CREDENTIAL_SECONDS)
        environment = variables(
            self.spec,
            stream=self.stream,
            runtime_api=self._api.address,
            credentials=own,
            endpoint=endpoint,
        )
        request = {
            "environment": environment,
            "code": str(self._place.code),
            "layers": str(self._place.layers) if self._place.layers else "",
            "runtime": str(self._interpreter.packages),
            "pycache": str(self._place.pycache),
            "tmp": str(self._tmp),
            "hidden": [str(path) for path in self._place.hidden],
            "sandbox": sandbox,
            "notes": [self._interpreter.note] if self._interpreter.note else [],
            "limits": {
                "RLIMIT_CORE": 0,
                "RLIMIT_NOFILE": 1024,
                "RLIMIT_FSIZE": self.spec.ephemeral_storage * _MEGABYTE,
            },
        }
        self._began = time.perf_counter()
        self._pid = await zygote.fork(request, self._output.write_end, self._on_exit)
        self._output.start()

    def _on_ready(self) -> None:
        if self._init_ms is None:
            self._init_ms = (time.perf_counter() - self._began) * 1000
        self._ready.set()

    def _on_answer(self, answer: Answer) -> None:
        if not answer.request_id:
            self._init_error = answer
            self._ready.set()
        elif self._answer is not None and not self._answer.done():
            self._answer.set_result(answer)

    def _on_exit(self, status: int) -> None:
        self.usable = False
        with contextlib.suppress(OSError):
            os.killpg(
                self._pid, signal.SIGKILL
            )  # what it left behind, in case that the zygote is gone as well
        if not self._exit.done():
            self._exit.set_result(status)
        self._ready.set()

    async def invoke(
        self, payload: bytes, *, request_id: str, invoked_arn: str, client_context: str, trace: str
    ) -> InvokeResult:
        cold = self._peak == 0
        self._output.begin()
        start = f"START RequestId: {request_id} Version: {self.spec.version}"
        began = time.perf_counter()
        failure: _Ended | None = None
        answer: Answer | None = None
        try:
            try:
                if cold:
                    await self._initialised(request_id)
                    began = time.perf_counter()
            finally:
                self._output.drain()
                self._output.say(start)
            answer = await self._run(payload, request_id, invoked_arn, client_context, trace)
        except _Ended as ended:
            failure = ended
        except asyncio.CancelledError:
            self.kill()
            raise
        elapsed = (time.perf_counter() - began) * 1000
        result = self._result(answer, failure, request_id, elapsed, cold)
        await self._output.flushed()
        return result

    async def _initialised(self, request_id: str) -> None:
        try:
            await asyncio.wait_for(self._ready.wait(), _INIT_SECONDS + self.spec.timeout)
        except TimeoutError:
            self.kill()
            raise self._timed_out(request_id) from None
        if self._init_error is not None:
            self.usable = False
            self._peak = peak_megabytes(self._pid)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._exit), 1.0)
            self.kill()
            raise _Ended(self._init_error.error_type or "Unknown", "")
        if self._exit.done():
            raise self._exited(request_id, self._exit.result())

    async def _run(
        self, payload: bytes, request_id: str, invoked_arn: str, client_context: str, trace: str
    ) -> Answer:
        loop = asyncio.get_running_loop()
        # A runtime asks for the next invocation right after it handed in a result; usually it has by now.
        while not self._ready.is_set() or self._exit.done():
            if self._exit.done():
                raise self._exited(request_id, self._exit.result())
            await self._ready.wait()
        self._ready.clear()
        self._answer = loop.create_future()
        deadline = self._clock.now_ms() + self.spec.timeout * 1000
        headers = {
            "Lambda-Runtime-Deadline-Ms": str(deadline),
            "Lambda-Runtime-Invoked-Function-Arn": invoked_arn,
            "Lambda-Runtime-Trace-Id": trace or f"Root=1-{int(time.time()):08x}-{new_hex(24)};Sampled=0",
        }
        if client_context:
            headers["Lambda-Runtime-Client-Context"] = client_context.replace("\n", " ")
        watch = loop.call_later(_SAMPLE_SECONDS, self._watch_memory)
        self._watching = watch
        try:
            self._api.give(Work(request_id, payload, headers))
            first: set[asyncio.Future[Any]] = {self._answer, self._exit}
            await asyncio.wait(first, timeout=self.spec.timeout, return_when=asyncio.FIRST_COMPLETED)
        except RuntimeError:
            raise self._exited(request_id, await self._exit) from None
        finally:
            self._watching.cancel()
        if self._answer.done():
            return self._answer.result()
        if self._exit.done():
            raise self._exited(request_id, self._exit.result())
        self._peak = max(self._peak, peak_megabytes(self._pid))
        self.kill()
        raise self._timed_out(request_id)

    def _watch_memory(self) -> None:
        limit = self.spec.memory * _MEGABYTE
        used = self._processes.used_bytes(self._pid, limit)
        self._peak = max(self._peak, used // _MEGABYTE)
        if used > limit:
            self._killed_for = "memory"
            self.kill()
            return
        self._watching = asyncio.get_running_loop().call_later(_SAMPLE_SECONDS, self._watch_memory)

    def _timed_out(self, request_id: str) -> _Ended:
        stamp = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        said = f"Task timed out after {self.spec.timeout:.2f} seconds"
        self._output.drain()
        self._output.say(f"{stamp}Z {request_id} {said}\n")
        return _Ended("Sandbox.Timedout", f"RequestId: {request_id} Error: {said}", "timeout")

    def _exited(self, request_id: str, status: int) -> _Ended:
        if self._killed_for == "memory" or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL):
            reason = "Runtime exited with error: signal: killed"
        elif os.WIFSIGNALED(status):
            reason = f"Runtime exited with error: signal: {signal.strsignal(os.WTERMSIG(status))}".lower()
            reason = reason.replace("runtime", "Runtime", 1)
        elif os.WEXITSTATUS(status):
            reason = f"Runtime exited with error: exit status {os.WEXITSTATUS(status)}"
        else:
            reason = "Runtime exited without providing a reason"
        self._output.drain()
        self._output.say(f"RequestId: {request_id} Error: {reason}")
        kind = "Runtime.OutOfMemory" if self._killed_for == "memory" else "Runtime.ExitError"
        return _Ended(kind, f"RequestId: {request_id} Error: {reason}")

    def _result(
        self, answer: Answer | None, failure: _Ended | None, request_id: str, elapsed: float, cold: bool
    ) -> InvokeResult:
        payload, error = self._payload(answer, failure, request_id)
        status = failure.status if failure is not None else ""
        if failure is not None and status == "error":
            status += f"\tError Type: {failure.error_type}"
        self._output.drain()
        self._peak = max(self._peak, peak_megabytes(self._pid) if self.usable else self._peak, 1)
        self._output.say(f"END RequestId: {request_id}")
        self._output.say(self._report(request_id, elapsed, cold, status))
        tail = self._output.tail()
        self.idle_since = self._clock.monotonic()
        return InvokeResult(payload, error, tail, elapsed, self.stream)

    def _payload(
        self, answer: Answer | None, failure: _Ended | None, request_id: str
    ) -> tuple[bytes, str | None]:
        if answer is not None and answer.too_large:
            text = "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
            body = {"errorMessage": text, "errorType": "Function.ResponseSizeTooLarge"}
            return json.dumps(body).encode(), "Unhandled"
        if answer is not None:
            return answer.payload, None if answer.error_type is None else "Unhandled"
        if self._init_error is not None and failure is not None and not str(failure):
            return _with_request_id(self._init_error.payload, request_id), "Unhandled"
        body = {
            "errorType": failure.error_type if failure else "Unknown",
            "errorMessage": str(failure) if failure else "",
        }
        return json.dumps(body).encode(), "Unhandled"

    def _report(self, request_id: str, elapsed: float, cold: bool, status: str) -> str:
        init = self._init_ms if cold and self._init_ms is not None else None
        parts = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {elapsed:.2f} ms",
            f"Billed Duration: {max(1, math.ceil(elapsed + (init or 0)))} ms",
            f"Memory Size: {self.spec.memory} MB",
            f"Max Memory Used: {min(self._peak, self.spec.memory)} MB",
        ]
        if init is not None:
            parts.append(f"Init Duration: {init:.2f} ms")
        if status:
            parts.append(f"Status: {status}")
        return "\t".join(parts) + "\t"

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
        await asyncio.to_thread(shutil.rmtree, self._tmp, ignore_errors=True)


def _with_request_id(payload: bytes, request_id: str) -> bytes:
    """An error of the init phase does not know yet which invocation it fails."""
    try:
        body = json.loads(payload)
    except ValueError:
        return payload
    if isinstance(body, dict):
        body["requestId"] = body.get("requestId") or request_id
    return json.dumps(body).encode()


__all__ = ["Environment", "Place", "ZygoteDied"]
