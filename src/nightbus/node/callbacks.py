"""Answers the presigned URLs that stacks give out, as S3 answers a PUT: responses of custom resources, signals."""

from __future__ import annotations

from xml.sax.saxutils import escape

from nightbus.aws.errors import AwsError
from nightbus.node.admin.request import AsgiScope, Receive, Send
from nightbus.node.node import Node
from nightbus.stacks.callbacks.answers import LONGEST

_MOST_DROPPED = 1024 * 1024
_ETAG = b'"d41d8cd98f00b204e9800998ecf8427e"'


async def serve_callback(node: Node, scope: AsgiScope, receive: Receive, send: Send) -> None:
    """Answer one request. `scope` is ASGI's; its path begins with one of `urls.PREFIXES`."""
    try:
        if scope["method"] != "PUT":
            raise AwsError(
                "MethodNotAllowed", "The specified method is not allowed against this resource.", 405
            )
        callback = node.callbacks.urls.callback(
            scope["path"], scope["query_string"].decode("latin-1"), node.clock.now_ms() // 1000
        )
        body, complete = await _read(receive)
        await node.callbacks.accept(callback, body, too_long=not complete)
    except AwsError as error:
        await _send(send, error.status, _xml(error), b"application/xml")
    else:
        await _send(send, 200, b"")


async def _read(receive: Receive) -> tuple[bytes, bool]:
    """Return the body, and whether it is complete. What is longer than a response may be is read and dropped."""
    body, size = b"", 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise AwsError("IncompleteBody", "The request body terminated unexpectedly", 400)
        part = message.get("body", b"")
        size += len(part)
        body = (body + part)[: LONGEST + 1]
        if not message.get("more_body", False) or size > _MOST_DROPPED:
            return body, size <= LONGEST


def _xml(error: AwsError) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(error.code)}</Code><Message>{escape(error.message)}</Message></Error>"
    ).encode()


async def _send(send: Send, status: int, body: bytes, content_type: bytes = b"") -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    headers.append((b"content-type", content_type) if content_type else (b"etag", _ETAG))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
