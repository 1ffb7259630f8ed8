"""Callers that go away while a zygote forks for them: what it forked ends, and others' requests are not garbled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nightbus.functions.zygotes import Zygote


class OtherSide:
    """A zygote whose process does nothing, and the end of the socket that it would read."""

    def __init__(self) -> None:
        ours, self.control = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        ours.setblocking(False)
        self.control.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        self.process = sleeping()
        self.zygote = Zygote(self.process, ours)
        self.received = b""

    async def requests(self, count: int) -> list[dict[str, Any]]:
        """The first requests; fails where what comes is none."""
        async with asyncio.timeout(10):
            while self.received.count(b"\n") < count:
                self.received += await asyncio.get_running_loop().sock_recv(self.control, 65536)
        return [json.loads(line) for line in self.received.splitlines()[:count]]

    def tell(self, **message: Any) -> None:
        self.control.send(json.dumps(message).encode() + b"\n")


def sleeping() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], start_new_session=True)


@pytest.fixture
async def other() -> AsyncIterator[OtherSide]:
    made = OtherSide()
    yield made
    made.process.kill()
    await made.zygote.close()
    made.control.close()


async def cancelled(task: asyncio.Task[int]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_was_forked_for_somebody_who_is_gone_ends(other: OtherSide) -> None:
    forking = asyncio.create_task(other.zygote.fork({}, 0, lambda status: None))
    (request,) = await other.requests(1)
    await cancelled(forking)
    await ends_unwanted(other, request)


async def test_what_was_forked_ends_though_its_caller_goes_away_at_that_moment(other: OtherSide) -> None:
    forking = asyncio.create_task(other.zygote.fork({}, 0, lambda status: None))
    (request,) = await other.requests(1)
    orphan = sleeping()
    other.zygote._tell_start({"started": request["id"], "pid": orphan.pid})
    forking.cancel()
    (pid,) = await asyncio.gather(forking, return_exceptions=True)
    if pid == orphan.pid:  # Python 3.11 tells the caller of it all the same
        orphan.kill()
    assert await asyncio.wait_for(asyncio.to_thread(orphan.wait), 5) == -signal.SIGKILL


async def ends_unwanted(other: OtherSide, request: dict[str, Any]) -> None:
    orphan = sleeping()
    other.tell(started=request["id"], pid=orphan.pid)
    status = await asyncio.wait_for(asyncio.to_thread(orphan.wait), 5)
    assert status == -signal.SIGKILL
    other.tell(ended=orphan.pid, status=signal.SIGKILL)
    ended: list[int] = []
    again = asyncio.create_task(other.zygote.fork({}, 0, ended.append))
    _, request = await other.requests(2)
    other.tell(started=request["id"], pid=orphan.pid)  # the kernel gives numbers again
    assert await again == orphan.pid
    await asyncio.sleep(0.05)
    assert ended == []


async def test_a_request_that_was_sent_in_part_is_sent_to_its_end(other: OtherSide) -> None:
    long = asyncio.create_task(other.zygote.fork({"long": "x" * 200_000}, 0, lambda status: None))
    await asyncio.sleep(0.05)  # the socket is full
    await cancelled(long)
    second = asyncio.create_task(other.zygote.fork({"second": True}, 0, lambda status: None))
    first, request = await other.requests(2)
    assert len(first["long"]) == 200_000
    assert request["second"]
    other.tell(started=request["id"], pid=os.getpid())
    assert await second == os.getpid()
