"""Talks to the supervisor inside an environment (`zygote/supervisor.py`): commands there, news of ends here."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable
from typing import Any


class SupervisorLink:
    """`heard` gets each message. What the node sends is small, and few."""

    def __init__(self, heard: Callable[[dict[str, Any]], None]) -> None:
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._socket, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        self._buffer = b""
        self._is_reading = False

    @property
    def descriptor(self) -> int:
        """The supervisor's end."""
        return self._theirs.fileno()

    def start(self) -> None:
        """The supervisor has its end now."""
        self._theirs.close()
        self._loop.add_reader(self._socket, self._readable)
        self._is_reading = True

    def send(self, command: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # its end is heard of from the zygote
            self._socket.send(json.dumps(command).encode() + b"\n")

    def _readable(self) -> None:
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._stop()
            return
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._heard(json.loads(line))

    def _stop(self) -> None:
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._socket)

    def close(self) -> None:
        self._stop()
        self._socket.close()
        self._theirs.close()
