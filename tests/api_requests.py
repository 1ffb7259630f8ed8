"""Sends requests to the console and its API as a program or a browser would, header by header."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from nightbus.node.operator_key import OPERATOR_HEADER, read_operator_key
from nodes import RunningNode


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Caller:
    """`headers` go with each request, to the host of the console by default."""

    port: int
    headers: Mapping[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {"Host": f"nightbus.localhost:{self.port}", **self.headers}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if data is not None:
            named.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, data, named)
            reply = connection.getresponse()
            return Answer(
                reply.status, {name.lower(): text for name, text in reply.getheaders()}, reply.read()
            )
        finally:
            connection.close()

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of `/_nightbus/api` + path, which is to be had."""
        text = f"?{urlencode({name.rstrip('_'): value for name, value in query.items()})}" if query else ""
        answer = self.send("GET", f"/_nightbus/api{quote(path)}{text}")
        assert answer.status == 200, answer.body
        return answer.json

    def post(self, path: str, body: Any, **query: Any) -> Any:
        text = f"?{urlencode(query)}" if query else ""
        answer = self.send("POST", f"/_nightbus/api{quote(path)}{text}", body)
        assert answer.status == 200, answer.body
        return answer.json


def as_operator(node: RunningNode) -> Caller:
    """A program that has the operator key."""
    assert node.folder is not None
    return Caller(node.port, {OPERATOR_HEADER: read_operator_key(node.folder)})


def new_code(node: RunningNode) -> str:
    """The code of a link that signs in."""
    return str(as_operator(node).post("/session/codes", {})["code"])
