"""Sends a function's code package, by the link that GetFunction answers: `lambda-code/TOKEN`."""

from __future__ import annotations

import asyncio
import os

from nightbus.node.admin.request import AdminRequest
from nightbus.services.lambda_.code.links import resolve_link

_CHUNK_BYTES = 1024 * 1024


async def send_code(request: AdminRequest) -> None:
    """Streams the zip file in chunks. Raises AwsError where the token is wrong or has run out."""
    token = request.name.partition("/")[2]
    node = request.node
    with await resolve_link(node.store, node.platform.vault, node.clock, token) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(0)
        headers = [(b"content-type", b"application/zip"), (b"content-length", str(size).encode())]
        await request.send({"type": "http.response.start", "status": 200, "headers": headers})
        while request.method != "HEAD" and (chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES)):
            await request.send({"type": "http.response.body", "body": chunk, "more_body": True})
        await request.send({"type": "http.response.body", "body": b""})
