"""Measures what metrics cost: a scrape with 200 rules and 100 queues, and PutEvents with scrapes and without.

    python bench/metrics.py [--seconds N] [--rounds N]

Of the two rates, neighbouring turns are compared, since the machine's speed changes over minutes. What counting itself
costs is seen by two source trees: `--against SRC` runs every other turn with the package of that folder.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

_CLIENTS = 4
_POLICY = '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}}'
_EVENT = {"Source": "bench", "DetailType": "Event", "Detail": '{"state": "new", "number": 7}'}


class Node:
    def __init__(self, source: Path | None) -> None:
        environ = dict(os.environ) | ({"PYTHONPATH": str(source)} if source is not None else {})
        self._folder = tempfile.TemporaryDirectory()
        program = [sys.executable, "-m", "nightbus", "start", "--port", "0", "--dev-credentials"]
        self._process = subprocess.Popen(
            [*program, "--data", f"{self._folder.name}/data"], stdout=subprocess.PIPE, text=True, env=environ
        )
        assert self._process.stdout is not None
        line = next(line for line in self._process.stdout if " is ready at " in line)
        self.endpoint = line.split(" is ready at ", 1)[1].split()[0]

    def client(self, service: str) -> Any:
        make: Any = boto3.client
        return make(
            service,
            region_name="us-east-1",
            endpoint_url=self.endpoint,
            aws_access_key_id="000000000000",
            aws_secret_access_key="test",
            config=Config(max_pool_connections=64),
        )

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def scrape(self) -> float:
        """How many seconds it takes."""
        began = time.perf_counter()
        with urllib.request.urlopen(f"{self.endpoint}/_nightbus/metrics") as answer:
            answer.read()
        return time.perf_counter() - began

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._folder.cleanup()


def make_resources(node: Node, rules: int, queues: int) -> None:
    sqs, events = node.client("sqs"), node.client("events")
    names = [f"bench-{number}" for number in range(queues)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: sqs.create_queue(QueueName=name, Attributes={"Policy": _POLICY}), names))
    for number in range(rules):
        pattern = f'{{"source": ["bench{number or ""}"]}}'
        events.put_rule(Name=f"bench-{number}", EventPattern=pattern)
        arn = f"arn:aws:sqs:us-east-1:000000000000:bench-{number % queues}"
        events.put_targets(Rule=f"bench-{number}", Targets=[{"Id": "q", "Arn": arn}])


def put_events(node: Node, seconds: float) -> tuple[float, float]:
    """Events a second, and the node's processor time for an event in µs."""
    ends, counts = time.perf_counter() + seconds, [0] * _CLIENTS

    def put(number: int) -> None:
        events = node.client("events")
        while time.perf_counter() < ends:
            events.put_events(Entries=[_EVENT] * 10)
            counts[number] += 10

    before, began = node.cpu_seconds(), time.perf_counter()
    threads = [threading.Thread(target=put, args=[number]) for number in range(_CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - began), (node.cpu_seconds() - before) / sum(counts) * 1e6


def scraped(node: Node, seconds: float) -> tuple[float, float]:
    """`put_events` while somebody scrapes each second."""
    done = threading.Event()

    def scrape() -> None:
        while not done.wait(1):
            node.scrape()

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        return put_events(node, seconds)
    finally:
        done.set()
        thread.join()


def compare(title: str, turns: Sequence[tuple[tuple[float, float], tuple[float, float]]]) -> None:
    rates = [second[0] / first[0] - 1 for first, second in turns]
    times = [second[1] / first[1] - 1 for first, second in turns]
    print(
        f"{title}: rate {statistics.median(rates):+.1%}, processor time of an event {statistics.median(times):+.1%} "
        f"(median of {len(turns)} pairs; {statistics.median(first[1] for first, _ in turns):.0f} µs an event)"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, help="the src folder of another version")
    options = parser.parse_args()
    node = Node(None)
    make_resources(node, 200, 100)
    put_events(node, 1)
    print(f"first scrape, 200 rules and 100 queues: {node.scrape() * 1000:.0f} ms")
    times = sorted(node.scrape() * 1000 for _ in range(30))
    print(f"further ones: p50 {times[15]:.0f} ms, longest {times[-1]:.0f} ms")
    turns = [
        (put_events(node, options.seconds), scraped(node, options.seconds)) for _ in range(options.rounds)
    ]
    compare("a scrape each second", turns)
    if options.against is not None:
        other = Node(options.against)
        make_resources(other, 200, 100)
        put_events(other, 1)
        compare(
            "with counters, against the version without",
            [
                (put_events(other, options.seconds), put_events(node, options.seconds))
                for _ in range(options.rounds)
            ],
        )
        other.stop()
    node.stop()


if __name__ == "__main__":
    main()
