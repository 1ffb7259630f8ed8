"""Starts processes in a few milliseconds, by a fork of a process that has everything imported.

One zygote per interpreter, started at first use, and one with nothing imported for what executes a program. This is
the node's side: it asks, passes the pipe, and hears of ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nightbus.functions.memory import memory_is_short
from nightbus.functions.runtimes.interface import ZygoteKind
from nightbus.functions.zygote.isolation.report import lost_network, missing_layers

log = logging.getLogger("nightbus.functions")

_SCRIPT = Path(__file__).parent / "zygote" / "zygote_main.py"
_START_SECONDS = 20.0
_SLOW_SECONDS = 2.0


class ZygoteDied(Exception):
    """The zygote ended before it could fork."""


class Zygote:
    """One running zygote. `ended` callbacks get the wait status of the process they were given for."""

    def __init__(
        self, process: subprocess.Popen[bytes], control: socket.socket, own_network: bool = False
    ) -> None:
        self._process = process
        self._own_network = own_network
        self._control = control
        self._loop = asyncio.get_running_loop()
        self._ids = itertools.count(1)
        self._starting: dict[int, asyncio.Future[int]] = {}
        self._callbacks: dict[int, Callable[[int], None]] = {}
        self._ended_early: dict[int, int] = {}
        self._inits: dict[int, int] = {}  # by pid of an environment that was started
        self._buffer = b""
        self._sending = asyncio.Lock()
        self._rest: asyncio.Future[None] | None = None  # of a message, being sent
        self.alive = True
        self._loop.add_reader(control, self._read)

    @classmethod
    def start(cls, kind: ZygoteKind, preload_sdk: bool = True, own_network: bool = False) -> Zygote:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        try:
            process = subprocess.Popen(
                [
                    str(kind.executable), "-I", "-S", str(_SCRIPT), str(kind.packages or ""),
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                env={
                    "PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "AWS_EC2_METADATA_DISABLED": "true",
                    "NIGHTBUS_PRELOAD_SDK": "1" if preload_sdk else "",
                    "NIGHTBUS_OWN_NETWORK": "1" if own_network else "",
                },
            )  # fmt: skip
        finally:
            theirs.close()
        return cls(process, ours, own_network)

    async def fork(
        self, request: dict[str, Any], output: int, ended: Callable[[int], None], more: Sequence[int] = ()
    ) -> int:
        """The pid of the new process, which writes to the descriptor `output`. Raises ZygoteDied.

        `more` are further descriptors for it, as many as the request says.
        """
        number = next(self._ids)
        future: asyncio.Future[int] = self._loop.create_future()
        self._starting[number] = future
        message = json.dumps({**request, "id": number}).encode() + b"\n"
        try:
            async with self._sending:
                await self._send(message, [output, *more])
            pid = await self._started(future)
        except (OSError, TimeoutError) as failure:
            raise ZygoteDied(str(failure) or "it did not answer") from failure
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self._abandon(future.result())
            raise
        finally:
            self._starting.pop(number, None)
        if pid in self._ended_early:
            self._loop.call_soon(ended, self._ended_early.pop(pid))
        else:
            self._callbacks[pid] = ended
        return pid

    def init_of(self, pid: int) -> int:
        """The pid of the init process of the environment's namespace; 0 where it has none. Asked once, after `fork`."""
        return self._inits.pop(pid, 0)

    async def _send(self, message: bytes, descriptors: list[int]) -> None:
        """The message with the descriptors. Many at once may be more than the socket takes: one waits for the other.

        A message of which a part was sent is sent to its end, though its caller is gone; the next one waits for that.
        """
        await self._rest_sent()
        while True:
            try:
                sent = socket.send_fds(self._control, [message], descriptors)
                break
            except BlockingIOError:
                await self._writable()
        if sent < len(message):
            self._rest = asyncio.ensure_future(self._loop.sock_sendall(self._control, message[sent:]))
            await self._rest_sent()

    async def _rest_sent(self) -> None:
        """Raises TimeoutError where the zygote does not read, which is ended then."""
        if self._rest is None:
            return
        try:
            await asyncio.wait_for(asyncio.shield(self._rest), _START_SECONDS)
        except TimeoutError:
            self._process.kill()
            raise
        self._rest = None

    async def _writable(self) -> None:
        """The socket takes something again. Raises TimeoutError where the zygote does not read."""
        writable: asyncio.Future[None] = self._loop.create_future()

        def take_note() -> None:
            if not writable.done():
                writable.set_result(None)

        self._loop.add_writer(self._control, take_note)
        try:
            await asyncio.wait_for(writable, _START_SECONDS)
        finally:
            self._loop.remove_writer(self._control)

    async def _started(self, future: asyncio.Future[int]) -> int:
        """The pid, once the zygote tells it. Raises TimeoutError.

        A function may have stopped the zygote, which is its parent: one that is slow to answer is told to go on, and
        one that does not answer then is ended.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(future), _SLOW_SECONDS)
        except TimeoutError:
            with contextlib.suppress(OSError):
                self._process.send_signal(signal.SIGCONT)
        try:
            return await asyncio.wait_for(future, _START_SECONDS)
        except TimeoutError:
            self._process.kill()
            raise

    def _read(self) -> None:
        try:
            data = self._control.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._died()
            return
        self._buffer += data
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "started" in message:
                self._tell_start(message)
            elif "isolation" in message:
                self._say_isolation(message["isolation"])
            else:
                self._tell_end(message["ended"], message["status"])

    def _say_isolation(self, layers: dict[str, Any]) -> None:
        """Once for each zygote. `layers`: as `isolation.sandbox.Sandbox.layers` says them."""
        missing = missing_layers(layers)
        if self._own_network and lost_network(layers):
            log.error("%s", lost_network(layers))
        elif missing:
            log.warning("NO SANDBOX: %s", "; ".join(missing))
        else:
            log.info("functions run in namespaces of their own, with filtered system calls")

    def _tell_start(self, message: dict[str, Any]) -> None:
        future = self._starting.pop(message["started"], None)
        if future is None or future.done():  # nobody waits for it any more
            if "pid" in message:
                self._abandon(message["pid"])
            return
        if "pid" in message:
            self._inits[message["pid"]] = message.get("init", 0)
            future.set_result(message["pid"])
        else:
            future.set_exception(ZygoteDied(f"no process could be forked: {message['failure']}"))

    def _abandon(self, pid: int) -> None:
        """Its caller is gone: nobody else would end it, or hear of its end."""
        self._inits.pop(pid, None)
        if self._ended_early.pop(pid, None) is None:
            self._callbacks[pid] = lambda _status: None
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def _tell_end(self, pid: int, status: int) -> None:
        callback = self._callbacks.pop(pid, None)
        if callback is None:
            self._ended_early[pid] = status
        else:
            callback(status)

    def _died(self) -> None:
        self.alive = False
        self._loop.remove_reader(self._control)
        for future in self._starting.values():
            if not future.done():
                future.set_exception(ZygoteDied("the zygote ended"))
        for callback in self._callbacks.values():
            callback(signal.SIGKILL)
        self._callbacks.clear()

    async def close(self) -> None:
        """It and all that it forked end."""
        if self.alive:
            self.alive = False
            self._loop.remove_reader(self._control)
        if self._rest is not None:
            self._rest.cancel()
            await asyncio.gather(self._rest, return_exceptions=True)
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(self._process.wait, 1.0)
        if self._process.poll() is None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)


class Zygotes:
    """The zygotes by kind; one that died is started again."""

    def __init__(self, preload_sdk: bool = True, own_network: bool = False) -> None:
        self._preload_sdk = preload_sdk
        self._own_network = own_network
        self._running: dict[ZygoteKind, Zygote] = {}

    def of(self, kind: ZygoteKind) -> Zygote:
        found = self._running.get(kind)
        if found is None or not found.alive:
            preload_sdk = self._preload_sdk and not memory_is_short()
            found = self._running[kind] = Zygote.start(kind, preload_sdk, self._own_network)
        return found

    async def close(self) -> None:
        await asyncio.gather(*(zygote.close() for zygote in self._running.values()))
        self._running.clear()
