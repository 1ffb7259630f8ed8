"""What would the same HTTP cost without any service behind it? Answers a PutEvents with a fixed body, bare ASGI.

Run: python bench/plane_echo.py DESCRIPTOR, of a socket that listens
"""

from __future__ import annotations

import socket
import sys
from typing import Any

import uvicorn
from plane_wire import EVENTS_A_REQUEST

ENTRY = b'{"EventId":"01a20a21-626e-786c-b981-9c39fce33757"}'
BODY = b'{"FailedEntryCount":0,"Entries":[' + b",".join([ENTRY] * EVENTS_A_REQUEST) + b"]}"
HEADERS = [
    (b"content-type", b"application/x-amz-json-1.1"),
    (b"x-amzn-requestid", b"01a20a21-626e-786c-b981-9c39fce33757"),
    (b"content-length", str(len(BODY)).encode()),
]


async def echo(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


if __name__ == "__main__":
    config = uvicorn.Config(
        echo,
        http="httptools",
        loop="uvloop",
        lifespan="off",
        ws="none",
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
