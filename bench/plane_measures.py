"""One measurement each, of one endpoint that is there and alone: how fast does it accept, deliver, call and answer?"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable

from plane_client import Client, Load
from plane_endpoint import LAMBDA_SOURCE, Endpoint, Missing
from plane_wire import EVENTS_A_REQUEST, Connection, invoke, put_events, receive_message

RESULT_SECONDS = 60.0
MOST_SECONDS = 6.0  # of one measurement of latencies, whatever is left of it
PARKED_SECONDS = 0.005  # after which a receive is taken to wait at the endpoint
DELIVERED_SECONDS = 30.0
RECEIVE_BUFFER = 1 << 22

ECHO_FUNCTION = "plane-echo"
CALLED_FUNCTION = "plane-called"
ECHO_CODE = "def handler(event, context):\n    return event\n"
# Answers by a datagram to the benchmark, so that nothing of the endpoint's own lies on the way back.
CALLED_CODE = """
import os, socket

sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
address = os.environ["PLANE_HOST"], int(os.environ["PLANE_PORT"])


def handler(event, context):
    sender.sendto(str(event["detail"]["n"]).encode(), address)
"""


def put_load(client: Client, endpoint: Endpoint, connections: int, seconds: float, warm: float) -> Load:
    """Events as fast as they are accepted; one request before it shows that they are."""
    raw = put_events(endpoint.url, range(EVENTS_A_REQUEST))
    with_connection(endpoint.url, lambda connection: check_accepted(connection.ask(raw)))
    client.run(endpoint.url, raw, connections, warm)
    return client.run(endpoint.url, raw, connections, seconds)


def check_accepted(answer: bytes) -> None:
    body = json.loads(answer[answer.index(b"{") :])
    if body["FailedEntryCount"]:
        raise Missing(f"PutEvents refused {body['FailedEntryCount']} entries: {body['Entries'][0]}")


def check_delivered(endpoint: Endpoint, events: int, seconds: float = DELIVERED_SECONDS) -> None:
    """All accepted events are in the queue, at once or soon."""
    deadline = time.monotonic() + seconds
    while (queued := endpoint.queued()) < events:
        if time.monotonic() > deadline:
            raise Missing(
                f"accepted {events:,} events, but delivered only {queued:,} in {seconds:.0f} s more"
            )
        time.sleep(0.2)


def receive_latencies(endpoint: Endpoint, times: int) -> list[float]:
    """Milliseconds from before PutEvents until a waiting ReceiveMessage returned with the message."""
    receiver, sender = Connection(endpoint.url), Connection(endpoint.url)
    receive = receive_message(endpoint.url, endpoint.queue_url)

    def once(number: int) -> float:
        put = put_events(endpoint.url, range(number, number + 1))
        receiver.send(receive)
        time.sleep(PARKED_SECONDS)
        began = time.perf_counter()
        sender.send(put)
        message = receiver.receive()
        took = time.perf_counter() - began
        check_accepted(sender.receive())
        if f"o-{number:08}".encode() not in message:
            raise Missing(f"another message than the one that was put: {message[-200:]!r}")
        return took

    try:
        return repeated(once, times)
    finally:
        receiver.close()
        sender.close()


def invoke_latencies(endpoint: Endpoint, function: str, times: int) -> list[float]:
    raw = invoke(endpoint.url, function, b"{}")
    connection = Connection(endpoint.url)

    def once(_: int) -> float:
        began = time.perf_counter()
        answer = connection.ask(raw)
        took = time.perf_counter() - began
        if not answer.endswith(b"{}"):
            raise Missing(f"Invoke answered {answer[-200:]!r}")
        return took

    try:
        once(0)
        return repeated(once, times)
    finally:
        connection.close()


class Results:
    """Where the called function's datagrams arrive."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.bind(("127.0.0.1", 0))
        host, port = self._socket.getsockname()
        self.variables = {"PLANE_HOST": host, "PLANE_PORT": str(port)}

    def wait(self, wanted: set[int]) -> None:
        """Until each has come at least once."""
        missing, deadline = set(wanted), time.monotonic() + RESULT_SECONDS
        while missing:
            self._socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                missing.discard(int(self._socket.recv(64)))
            except TimeoutError:
                raise Missing(
                    f"{len(missing)} of {len(wanted)} results had not come after {RESULT_SECONDS:.0f} s"
                ) from None

    def close(self) -> None:
        self._socket.close()


def result_rate(endpoint: Endpoint, results: Results, events: int, first: int) -> float:
    """Results a second, from before the first event is put until the last one's result is there."""
    requests = [
        put_events(endpoint.url, range(number, number + EVENTS_A_REQUEST), LAMBDA_SOURCE)
        for number in range(first, first + events, EVENTS_A_REQUEST)
    ]

    def put(connection: Connection) -> None:
        for raw in requests:
            check_accepted(connection.ask(raw))

    began = time.perf_counter()
    with_connection(endpoint.url, put)
    results.wait(set(range(first, first + events)))
    return events / (time.perf_counter() - began)


def result_latencies(endpoint: Endpoint, results: Results, times: int, first: int) -> list[float]:
    """Milliseconds from before PutEvents until the function that a rule called has answered, one at a time."""
    connection = Connection(endpoint.url)

    def once(number: int) -> float:
        raw = put_events(endpoint.url, range(first + number, first + number + 1), LAMBDA_SOURCE)
        began = time.perf_counter()
        connection.send(raw)
        results.wait({first + number})
        took = time.perf_counter() - began
        check_accepted(connection.receive())
        return took

    try:
        return repeated(once, times)
    finally:
        connection.close()


def with_connection(url: str, work: Callable[[Connection], None]) -> None:
    connection = Connection(url)
    try:
        work(connection)
    finally:
        connection.close()


def repeated(once: Callable[[int], float], times: int) -> list[float]:
    """In milliseconds; so often, or until the time for it is over."""
    deadline = time.monotonic() + MOST_SECONDS
    took = []
    for number in range(times):
        took.append(once(number) * 1000)
        if time.monotonic() > deadline:
            break
    return took
