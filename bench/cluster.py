"""How soon does one node of a cluster act on what was done at another, and how soon is a killed one's work taken over?

Run: python bench/cluster.py [--rounds N]. It starts a PostgreSQL with fsync and two nodes of its own on loopback, and
ends by itself in about a minute. Clients are boto3's, whose own time (about 2 ms a call) is in the figures; the row
"on one node" has nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from nodes import RunningNode  # noqa: E402
from postgres_server import PostgresServer, start_server  # noqa: E402

QUEUE, ARN = "bench", "arn:aws:sqs:us-east-1:000000000000:bench"
POLICY = {
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": ARN,
    }
}
SETTLED_SECONDS = 0.1  # in which a long poll has begun to wait


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=50, help="so many are measured of each")
    parser.add_argument(
        "--no-kill", action="store_true", help="leave out the takeover, which takes half a minute"
    )
    arguments = parser.parse_args()
    with started() as (server, nodes, start):
        print(
            f"2 nodes, PostgreSQL {server.version}, fsync on, load {os.getloadavg()[0]:.1f} at the beginning"
        )
        polls = LongPolls(nodes)
        show("send → long poll on one node", [polls.measure(0, 0) for _ in range(arguments.rounds)])
        show("send → long poll on the other node", [polls.measure(0, 1) for _ in range(arguments.rounds)])
        rules = Rules(nodes)
        show("rule → obeyed by the same node", [rules.measure(0, 0) for _ in range(arguments.rounds)])
        show("rule → obeyed by the other node", [rules.measure(0, 1) for _ in range(arguments.rounds)])
        if not arguments.no_kill:
            show("kill -9 → its row and its leases are gone", [takeover(server, start) for _ in range(5)])
        print(f"load {os.getloadavg()[0]:.1f} at the end")


def show(what: str, seconds: list[float]) -> None:
    in_order = sorted(one * 1000 for one in seconds)
    p99 = in_order[min(len(in_order) - 1, int(len(in_order) * 0.99))]
    print(f"{what:<42} p50 {statistics.median(in_order):8.1f} ms   p99 {p99:8.1f} ms", flush=True)


Start = Callable[[], RunningNode]


@contextmanager
def started() -> Iterator[tuple[PostgresServer, list[RunningNode], Start]]:
    with ExitStack() as stack:
        server = start_server(fsync="on", full_page_writes="on")
        stack.callback(server.stop)
        environ = {"NIGHTBUS_CLUSTER_KEY": secrets.token_hex(32)}

        def start() -> RunningNode:
            folder = stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True))
            node = RunningNode(Path(folder), environ, options=["--store", server.url()])
            stack.callback(node.stop)
            return node

        yield server, [start(), start()], start


class LongPolls:
    """From a SendMessage's begin at one node to the return of a ReceiveMessage that waits, maybe at another."""

    def __init__(self, nodes: list[RunningNode]) -> None:
        self._sending = [node.client("sqs") for node in nodes]
        self._polling = [node.client("sqs") for node in nodes]
        self._queue = self._sending[0].create_queue(QueueName="polled")["QueueUrl"]

    def measure(self, at: int, to: int) -> float:
        answers: list[tuple[float, dict[str, Any]]] = []

        def poll() -> None:
            reply = self._polling[to].receive_message(QueueUrl=self._queue, WaitTimeSeconds=20)
            answers.append((time.monotonic(), reply))

        polling = threading.Thread(target=poll)
        polling.start()
        time.sleep(SETTLED_SECONDS)
        began = time.monotonic()
        self._sending[at].send_message(QueueUrl=self._queue, MessageBody="x")
        polling.join()
        (ended, reply) = answers[0]
        (message,) = reply["Messages"]
        self._polling[to].delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return ended - began


class Rules:
    """From the answer to PutTargets at one node to the first event, put at another, that the rule matches."""

    def __init__(self, nodes: list[RunningNode]) -> None:
        self._events = [node.client("events") for node in nodes]
        self._sqs = nodes[0].client("sqs")
        self._queue = self._sqs.create_queue(QueueName=QUEUE, Attributes={"Policy": json.dumps(POLICY)})[
            "QueueUrl"
        ]
        self._round = 0

    def measure(self, at: int, to: int) -> float:
        self._round += 1
        source = f"round.{self._round}"
        putting, asked = self._events[at], self._events[to]
        putting.put_rule(Name=source, EventPattern=json.dumps({"source": [source]}))
        put: list[float] = []
        asked.put_events(Entries=[_entry(source, -1)])  # so that the other node has read its rules
        putting.put_targets(Rule=source, Targets=[{"Id": "q", "Arn": ARN}])
        obeyed_from = time.monotonic()
        while time.monotonic() < obeyed_from + 0.2:
            put.append(time.monotonic())
            asked.put_events(Entries=[_entry(source, len(put) - 1)])
        first = min(self._received(source))
        putting.remove_targets(Rule=source, Ids=["q"])
        putting.delete_rule(Name=source)
        return put[first] - obeyed_from

    def _received(self, source: str) -> list[int]:
        found: list[int] = []
        while True:
            reply = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10)
            messages = reply.get("Messages", [])
            if not messages:
                return found
            for message in messages:
                body = json.loads(message["Body"])
                if body["source"] == source:
                    found.append(body["detail"]["n"])
            self._sqs.delete_message_batch(
                QueueUrl=self._queue,
                Entries=[
                    {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]}
                    for n, message in enumerate(messages)
                ],
            )


def _entry(source: str, number: int) -> dict[str, str]:
    return {"Source": source, "DetailType": "bench", "Detail": json.dumps({"n": number})}


def takeover(server: PostgresServer, start: Start) -> float:
    """From kill -9 of a third node until another one has ended its leases, with its row."""
    count = "SELECT count(*) FROM nightbus.node"
    before = int(server.execute(count))
    node = start()
    node.kill()
    began = time.monotonic()
    while int(server.execute(count)) > before:
        time.sleep(0.01)
    return time.monotonic() - began


if __name__ == "__main__":
    main()
