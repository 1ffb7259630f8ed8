"""What goes over the wire: requests that are made once, and a connection that finds where an answer ends.

Signatures are only shaped like one: no key is needed to drive an emulator, and no time is spent on signing.
"""

from __future__ import annotations

import json
import re
import socket
from typing import Any
from urllib.parse import urlsplit

EVENTS_A_REQUEST = 10
SOURCE = "plane.orders"
REGION = "us-east-1"
ACCOUNT = "000000000000"
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"


def order(number: int) -> dict[str, Any]:
    """A detail of about 150 bytes."""
    lines = [{"sku": "A-1", "n": 2, "price": 499}, {"sku": "B-2", "n": 1, "price": 1001}]
    return {"orderId": f"o-{number:08}", "n": number, "state": "placed", "total": 1999, "items": lines}


def put_events(url: str, numbers: range, source: str = SOURCE) -> bytes:
    entries = [
        {"Source": source, "DetailType": "OrderPlaced", "Detail": json.dumps(order(number))}
        for number in numbers
    ]
    return _json_request(url, "events", "AWSEvents.PutEvents", "1.1", {"Entries": entries})


def receive_message(url: str, queue_url: str) -> bytes:
    parameters = {"QueueUrl": queue_url, "WaitTimeSeconds": 20, "MaxNumberOfMessages": 1}
    return _json_request(url, "sqs", "AmazonSQS.ReceiveMessage", "1.0", parameters)


def invoke(url: str, function: str, payload: bytes) -> bytes:
    return request(url, "lambda", f"/2015-03-31/functions/{function}/invocations", {}, payload)


def _json_request(url: str, service: str, target: str, version: str, parameters: dict[str, Any]) -> bytes:
    headers = {"Content-Type": f"application/x-amz-json-{version}", "X-Amz-Target": target}
    return request(url, service, "/", headers, json.dumps(parameters).encode())


def request(url: str, service: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    scope = f"{ACCOUNT}/20260101/{REGION}/{service}/aws4_request"
    all_headers = headers | {
        "Host": urlsplit(url).netloc,
        "X-Amz-Date": "20260101T000000Z",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in all_headers.items())
    return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body


def answer_end(data: bytes | bytearray) -> int:
    """Where the first answer in `data` ends; 0 while it is not complete."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return 0
    if length := _LENGTH.search(data, 0, head + 2):
        end = head + 4 + int(length[1])
        return end if len(data) >= end else 0
    last = data.find(_LAST_CHUNK, head + 2)
    return last + len(_LAST_CHUNK) if last >= 0 else 0


def address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "127.0.0.1", parts.port or 80


class Connection:
    """One keep-alive connection; what was sent is answered in order."""

    def __init__(self, url: str, seconds: float = 30.0) -> None:
        self._socket = socket.create_connection(address(url), timeout=seconds)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """A whole answer of status 200, head included."""
        data = bytearray()
        while not answer_end(data):
            got = self._socket.recv(65536)
            if not got:
                raise ConnectionError("the connection was closed before the answer was complete")
            data += got
        if not data.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
            raise RuntimeError(bytes(data[:300]).decode(errors="replace"))
        return bytes(data)

    def ask(self, data: bytes) -> bytes:
        self.send(data)
        return self.receive()

    def close(self) -> None:
        self._socket.close()
