"""Runs the worker process that calls services which are not part of Nightbus, while there is work for it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from nightbus.delivery.forwarding.interface import AWS, ForwardAnswer, HttpCall, ServiceCall

log = logging.getLogger("nightbus.delivery")

_TIME_LIMIT = 60.0
_IDLE_SECONDS = 60.0
_LONGEST_LINE = 1 << 20
_LOST = ForwardAnswer(code="ConnectionFailure", message="The process that forwards events ended.", status=503)
_LATE = ForwardAnswer(code="Timeout", message=f"No answer within {_TIME_LIMIT:.0f} seconds.", status=503)


class ForwardingProcess:
    """Implements `Forwarder`. The process begins with the first call and ends a minute after the last."""

    def __init__(self, endpoints: Mapping[str, str], idle_seconds: float = _IDLE_SECONDS) -> None:
        self.endpoints = endpoints
        self._idle_seconds = idle_seconds
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()
        self._waiting: dict[int, asyncio.Future[ForwardAnswer]] = {}
        self._last = 0
        self._rest: asyncio.TimerHandle | None = None

    async def call(
        self, setting: str, call: ServiceCall | HttpCall, account: str, region: str
    ) -> ForwardAnswer:
        endpoint = self.endpoints[setting]
        self._last += 1
        request = {
            **asdict(call),
            "id": self._last,
            "account": account,
            "region": region,
            "endpoint": "" if endpoint == AWS else endpoint,
        }
        return await self._ask(self._last, request)

    async def _ask(self, number: int, request: dict[str, Any]) -> ForwardAnswer:
        if self._rest is not None:
            self._rest.cancel()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            process = await self._running()
            assert process.stdin is not None
            process.stdin.write(orjson.dumps(request) + b"\n")
            await process.stdin.drain()
            return await asyncio.wait_for(answer, _TIME_LIMIT)
        except TimeoutError:
            return _LATE
        except ConnectionError:
            return _LOST
        finally:
            del self._waiting[number]
            if not self._waiting:
                loop = asyncio.get_running_loop()
                self._rest = loop.call_later(self._idle_seconds, self._end)

    async def _running(self) -> asyncio.subprocess.Process:
        async with self._starting:
            if self._process is None:
                self._process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "nightbus.delivery.forwarding.worker",
                    stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=_LONGEST_LINE,
                )  # fmt: skip
                self._reader = asyncio.create_task(self._read(self._process))
            return self._process

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Until the process ends; then nobody waits for it any more, and the next call begins another."""
        try:
            await self._answers(process)
        except ValueError:  # a line that is too long, or is not JSON: nothing after it can be trusted
            log.exception("the process that forwards events wrote what is not an answer; another one begins")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if self._process is process:
            self._process = None
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_result(_LOST)
        code = await process.wait()
        if code:
            log.error("the process that forwards events to other services ended with %d", code)

    async def _answers(self, process: asyncio.subprocess.Process) -> None:
        """Raises ValueError for a line that is not an answer."""
        assert process.stdout is not None
        while line := await process.stdout.readline():
            answer = orjson.loads(line)
            waiting = self._waiting.get(answer.pop("id"))
            if waiting is not None and not waiting.done():
                waiting.set_result(ForwardAnswer(**answer))

    def _end(self) -> None:
        """Its input ends, and so it does."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process = None

    async def close(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self._end()
        if self._reader is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
