"""Nonsense sent to function URLs, and sent by their functions: an answer each time, and nothing in the node's log."""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

from lambda_rig import code
from nodes import RunningNode
from url_rig import HANDLER, answered, ask, make, open_url


@pytest.fixture(scope="module")
def url(node: RunningNode) -> str:
    return open_url(node.client, make(node.client, code(HANDLER)))


def raw(node: RunningNode, request: bytes) -> bytes:
    """The response's first line."""
    with socket.create_connection(("127.0.0.1", node.port), timeout=30) as connection:
        connection.sendall(request)
        return connection.recv(65536).partition(b"\r\n")[0]


def request(url: str, line: bytes, *headers: bytes) -> bytes:
    host = b"Host: " + urlsplit(url).netloc.encode()
    return b"\r\n".join((line, host, b"Connection: close", *headers, b"", b""))


@pytest.mark.parametrize(
    ("line", "headers", "status"),
    [
        (b"GET /%zz%00%ff?%zz=%00&=&&;=%ff HTTP/1.1", (), b"200"),
        (b"GET /../..//_nightbus/./status HTTP/1.1", (), b"200"),
        (b"GET http://127.0.0.1/_nightbus/status HTTP/1.1", (), b"200"),
        (b"GET /?" + b"a&" * 30_000 + b" HTTP/1.1", (), b"400"),
        (b"GET / HTTP/1.1", (b"X-\xc3\xb6: 1",), b"400"),
        (b"GET / HTTP/1.1", (b"X-A: \xff\xfe\xc3\xb6",), b"200"),
        (b"GET / HTTP/1.1", (b"Cookie: ;;=;a=;\xff",), b"200"),
        (b"GET / HTTP/1.1", (b"Cookie: a=1", b"Cookie: b=2"), b"200"),
        (b"GET / HTTP/1.1", (b"X-Amzn-Trace-Id: Root=\x01nonsense",), b"400"),
        (b"GET / HTTP/1.1", (b"Authorization: AWS4-HMAC-SHA256 Credential=",), b"200"),
        (b"GET /?X-Amz-Credential=a/b&X-Amz-Signature=1 HTTP/1.1", (), b"200"),
        (b"TRACE / HTTP/1.1", (), b"200"),
        (b"PROPFIND / HTTP/1.1", (), b"200"),
        (b"GET / HTTP/1.0", (), b"200"),
        (b"GET / HTTP/1.1", (b"Host: localhost",), b"403"),
        (b"POST / HTTP/1.1", (b"Content-Length: -1",), b"400"),
        (b"POST / HTTP/1.1", (b"Content-Length: 99999999999",), b"413"),
        (b"POST / HTTP/1.1", (b"Transfer-Encoding: chunked", b"Content-Length: 5"), b"400"),
        (b"GET / HTTP/1.1", (b"Origin: http://[", b"Sec-Fetch-Site: same-origin"), b"403"),
    ],
)
def test_a_request_is_answered(
    node: RunningNode, url: str, line: bytes, headers: tuple[bytes, ...], status: bytes
) -> None:
    before = len(node.output)
    assert raw(node, request(url, line, *headers)).split(b" ")[1] == status
    assert ask(node, url).status == 200
    assert not [said for said in node.output[before:] if "Traceback" in said or "ERROR" in said]


def test_what_a_resolver_would_take_for_another_host(node: RunningNode, url: str) -> None:
    name = urlsplit(url).hostname or ""
    for host in (
        f"{name}.evil.test",
        f"evil.test/{name}",
        f"{name}@evil.test",
        f"{name}:80:80",
        f"{name} evil.test",
    ):
        answer = raw(node, f"GET /_nightbus/status HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert answer.split(b" ")[1] in (b"400", b"403"), host


@pytest.mark.parametrize(
    "answer",
    [
        {"statusCode": 200, "headers": {"": "x"}},
        {"statusCode": 200, "headers": {"x\x00": "x"}},
        {"statusCode": 200, "headers": {"Set-Cookie": "a=1\nb=2"}},
        {
            "statusCode": 200,
            "headers": {"transfer-encoding": "chunked", "content-length": "1"},
            "body": "abc",
        },
        {"statusCode": 200, "headers": {"x": "\ud83d\ude00 ö"}, "body": "\ud83d\ude00"},
        {"statusCode": 200, "headers": {f"x-{n}": "y" * 1000 for n in range(50)}},
        {"statusCode": 200, "headers": {"x": None, "y": True, "z": 1.5}},
        {"statusCode": 10**30},
        {"statusCode": 101},
        {"statusCode": 304, "body": "x"},
        {"statusCode": 200, "cookies": [1]},
        {"statusCode": 200, "cookies": {"a": 1}},
        {"statusCode": [200]},
        {"statusCode": 200, "body": 7},
    ],
)
def test_an_answer_is_a_response(node: RunningNode, url: str, answer: Any) -> None:
    before = len(node.output)
    response = answered(node, url, answer)
    assert response.status in (200, 304, 502)
    if response.status == 200:
        assert (
            response.body
            == (answer.get("body") or "").encode("utf-16", "surrogatepass").decode("utf-16").encode()
        )
    assert not [said for said in node.output[before:] if "Traceback" in said or "ERROR" in said]


def test_an_event_that_is_deep_or_long(node: RunningNode, url: str) -> None:
    deep = json.dumps({"answer": json.loads("[" * 400 + "]" * 400)})
    response = ask(node, url, "POST", body=deep, headers={"Content-Type": "application/json"})
    assert response.status == 200
    long = {"X-Long": "x" * 60_000}
    assert ask(node, url, headers=long).json["headers"]["x-long"] == long["X-Long"]
