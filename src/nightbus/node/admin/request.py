"""Holds one request under `/_nightbus/`, reads its query and body, and answers it with JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.aws.grammar import DEFAULT_ACCOUNT
from nightbus.bus.json_text import parse_json, write_json
from nightbus.node.node import Node
from nightbus.node.settings import Settings

AsgiScope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
PREFIX = "/_nightbus/"
_DEFAULT_REGION = "us-east-1"
_LARGEST_BODY_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class AdminRequest:
    """`asgi` is the request's ASGI scope, `receive` and `send` its channels; `node` is the node that was asked."""

    node: Node
    settings: Settings
    asgi: AsgiScope
    receive: Receive
    send: Send

    @property
    def method(self) -> str:
        return str(self.asgi["method"])

    @property
    def name(self) -> str:
        """The path without `/_nightbus/`: `events/tail`."""
        return str(self.asgi["path"])[len(PREFIX) :]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(self.asgi["query_string"].decode("latin-1")))

    @property
    def queried_scope(self) -> Scope:
        """The query's `account` and `region`; by default 000000000000 and us-east-1."""
        query = self.query
        return Scope(query.get("account", DEFAULT_ACCOUNT), query.get("region", _DEFAULT_REGION))

    def header(self, name: str) -> bytes:
        """`name` is lower-case. Empty where the request does not have it."""
        value: bytes = dict(self.asgi["headers"]).get(name.encode(), b"")
        return value

    async def read_json(self) -> dict[str, Any]:
        """The body. Raises AwsError where it is not a JSON object, or is larger than 2 MB."""
        body, more = b"", True
        while more:
            message = await self.receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
            if len(body) > _LARGEST_BODY_BYTES:
                raise AwsError("ValidationException", "The request is too large.", 413)
        try:
            value = parse_json(body.decode())
        except ValueError as broken:
            raise AwsError("ValidationException", f"The request is not JSON: {broken}") from broken
        if not isinstance(value, dict):
            raise AwsError("ValidationException", "The request must be a JSON object.")
        return value


def body_scope(body: Mapping[str, Any]) -> Scope:
    """A JSON body's `account` and `region`, with the defaults of `queried_scope`. Raises AwsError."""
    return Scope(body_text(body, "account") or DEFAULT_ACCOUNT, body_text(body, "region") or _DEFAULT_REGION)


def body_text(body: Mapping[str, Any], name: str) -> str:
    """Member `name` of a JSON body; empty where it is missing. Raises AwsError where it is not a string, or has half of
    a surrogate pair, which no name has."""
    value = body.get(name) or ""
    if not isinstance(value, str):
        raise AwsError("ValidationException", f"`{name}` must be a string.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise AwsError("ValidationException", f"`{name}` has half of a surrogate pair.") from None
    return value


async def send_json(asgi: AsgiScope, send: Send, status: int, reply: Mapping[str, Any]) -> None:
    """Answers with `reply` under HTTP status `status`; a HEAD request gets the headers alone."""
    body = write_json(reply).encode()  # an event's numbers may be larger than any double
    await send_bytes(asgi, send, status, b"application/json", body)


async def send_error(asgi: AsgiScope, send: Send, error: AwsError) -> None:
    await send_json(asgi, send, error.status, {"error": error.code, "message": error.message})


async def send_bytes(asgi: AsgiScope, send: Send, status: int, content_type: bytes, body: bytes) -> None:
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if asgi["method"] == "HEAD" else body})
