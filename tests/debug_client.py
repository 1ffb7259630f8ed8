"""A client of the Debug Adapter Protocol, as an editor has one: messages with a length before them, over a socket."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any


class DebugClient:
    """Attached to `port` of loopback, once something listens there."""

    def __init__(self, port: int, seconds: float = 40.0) -> None:
        self._deadline = time.monotonic() + seconds
        self._socket = self._connected(port)
        self._socket.settimeout(seconds)
        self._file = self._socket.makefile("rb")
        self._number = 0
        self._events: list[dict[str, Any]] = []
        self._responses: dict[int, dict[str, Any]] = {}

    def _connected(self, port: int) -> socket.socket:
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port))
            except OSError:
                if time.monotonic() > self._deadline:
                    raise
                time.sleep(0.02)

    def send(self, command: str, **arguments: Any) -> int:
        self._number += 1
        message = {"seq": self._number, "type": "request", "command": command, "arguments": arguments}
        body = json.dumps(message).encode()
        self._socket.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self._number

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """The body of the response."""
        return self.response(self.send(command, **arguments))

    def response(self, number: int) -> dict[str, Any]:
        while number not in self._responses:
            self._read()
        found = self._responses.pop(number)
        assert found["success"], found
        body: dict[str, Any] = found.get("body") or {}
        return body

    def event(self, name: str) -> dict[str, Any]:
        """The next event of that name."""
        while True:
            found = next((one for one in self._events if one["event"] == name), None)
            if found is not None:
                self._events.remove(found)
                body: dict[str, Any] = found.get("body") or {}
                return body
            self._read()

    def attach(self, sources: Path, lines: dict[str, list[int]]) -> None:
        """The handshake of an editor, with breakpoints in files of `sources`, which the function has at /var/task."""
        self.ask("initialize", adapterID="debugpy", pathFormat="path", linesStartAt1=True)
        mappings = [{"localRoot": str(sources), "remoteRoot": "/var/task"}]
        attached = self.send("attach", pathMappings=mappings, justMyCode=True)
        self.event("initialized")
        for name, numbers in lines.items():
            source = {"path": str(sources / name)}
            self.ask("setBreakpoints", source=source, breakpoints=[{"line": number} for number in numbers])
        self.ask("configurationDone")
        self.response(attached)

    def close(self) -> None:
        self._socket.close()

    def _read(self) -> None:
        length = 0
        while line := self._file.readline().strip():
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        assert length, "the debugger has closed the connection"
        message = json.loads(self._file.read(length))
        if message["type"] == "event":
            self._events.append(message)
        elif message["type"] == "response":
            self._responses[message["request_seq"]] = message
