"""Talks to the init process of an environment's namespaces (`zygote/isolation/orders.py`), over a pair of sockets.

One end goes to it along with the request for the environment. Where the environment has no namespaces nobody has that
end, and nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket

FREEZE, THAW, SOCKET = b"freeze", b"thaw", b"socket"
_LONGEST = 64


class InitLink:
    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)

    @property
    def descriptor(self) -> int:
        """The end of the init process."""
        return self._theirs.fileno()

    def started(self) -> None:
        """The init process has its end now."""
        self._theirs.close()

    def send(self, order: bytes) -> bool:
        """False where there is no init process any more."""
        with contextlib.suppress(OSError):
            self._ours.send(order)
            return True
        return False

    async def readable(self) -> None:
        loop = asyncio.get_running_loop()
        readable = asyncio.Event()
        loop.add_reader(self._ours, readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(self._ours)

    def receive(self, most: int) -> list[int]:
        """The descriptors that came with a message, as many as `most`. Raises OSError."""
        return list(socket.recv_fds(self._ours, _LONGEST, most)[1])

    def close(self) -> None:
        if self._ours.fileno() >= 0:
            asyncio.get_running_loop().remove_reader(self._ours)
        self._ours.close()
        self._theirs.close()
