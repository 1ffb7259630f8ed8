"""The head of a request has a limit, and so have requests that are sent ahead of their answers."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator

import pytest

import raw_requests
from nodes import RunningNode

HEAD = b"GET /_nightbus/health HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
LONGEST_MS = 50.0


@pytest.fixture(scope="module", name="measured")
def measured_node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_MEASURE_HOLDS": "1"})
    yield running
    running.stop()


def holds(node: RunningNode) -> float:
    return float(json.loads(raw_requests.send(node, "GET", "/_nightbus/holds", b"", {})[1])["longest_ms"])


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        (b"GET /", b"a" * 65536),
        (HEAD + b"X: ", b"a" * 65536),
        (HEAD, b"x: a\r\n" * 10_000),
        (CHUNKED + b"0\r\nX: ", b"a" * 65536),
        (CHUNKED + b"0\r\n", b"x: a\r\n" * 10_000),
        (HEAD + b"\r\n", (HEAD + b"\r\n") * 1000),
    ],
    ids=["URL", "header", "headers", "trailer", "trailers", "requests"],
)
def test_a_client_that_does_not_come_to_an_end_is_hung_up_on(
    measured: RunningNode, head: bytes, rest: bytes
) -> None:
    holds(measured)
    with socket.create_connection(("127.0.0.1", measured.port), timeout=10) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(head)
            for _ in range(320):
                connection.sendall(rest)
        with contextlib.suppress(ConnectionError):
            while connection.recv(65536):
                pass
    assert holds(measured) < LONGEST_MS
    assert raw_requests.send(measured, "GET", "/_nightbus/health", b"", {})[0] == 200


def test_a_head_of_64_kilobytes_is_read(measured: RunningNode) -> None:
    headers = {f"X-{at}": "a" * 1000 for at in range(64)}
    assert raw_requests.send(measured, "GET", "/_nightbus/health", b"", headers)[0] == 200


def test_a_body_of_many_small_chunks_is_no_head(measured: RunningNode) -> None:
    with socket.create_connection(("127.0.0.1", measured.port), timeout=10) as connection:
        connection.sendall(CHUNKED + b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n")
        assert b" 405 " in connection.recv(65536)
