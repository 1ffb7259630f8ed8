"""Reads the live stream of the console's API as a browser does."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from api_requests import Caller


class Stream:
    """The messages of `/live`, as a browser reads them."""

    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self._reply = reply
        self.id = ""

    def message(self) -> tuple[str, Any]:
        """The next one that has data: its topic and its rows."""
        topic, data = "", ""
        for line in iter(self._reply.readline, b""):
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                topic = value
            elif name == "data":
                data = value
            elif name == "id":
                self.id = value
            elif not name and data:
                return topic, json.loads(data)
        raise AssertionError("the stream has ended")

    def rows(self, topic: str, number: int) -> list[Any]:
        found: list[Any] = []
        while len(found) < number:
            name, rows = self.message()
            found += rows if name == topic else []
        return found


@contextmanager
def live(caller: Caller, last: str = "", **query: str) -> Iterator[Stream]:
    connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=20)
    headers = {**caller.headers, "Host": f"nightbus.localhost:{caller.port}"}
    headers |= {"Last-Event-ID": last} if last else {}
    connection.request("GET", f"/_nightbus/api/live?{urlencode(query)}", headers=headers)
    reply = connection.getresponse()
    assert (reply.status, reply.getheader("content-type")) == (200, "text/event-stream"), reply.status
    stream = Stream(reply)
    try:
        while not stream.id:  # it has begun
            line = reply.readline().decode()
            if line.startswith("id: "):
                stream.id = line[4:].strip()
        yield stream
    finally:
        connection.close()
