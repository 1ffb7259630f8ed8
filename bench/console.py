"""Measures the console's API: each path over 50,000 events and 200 rules, and the live stream at 500 events a second.

    python bench/console.py [--events N] [--rules N] [--calls N] [--seconds N]
                            [--holds | --first-view | --stream SECONDS]

It starts a node of its own. Two thirds of the events match a rule with a queue as its target, each twentieth one a rule
whose queue is gone, the others no rule. Of a call everything counts that a client waits for. The lag of the live stream
is from before PutEvents is called until the stream's message is read. What streams cost is seen in
neighbouring turns of PutEvents at full speed, without one and with three, by the node's processor time for an event.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from console_first_view import measure_first_view
from console_stream import measure_stream

from api_requests import Caller, as_operator, new_code
from nodes import RunningNode

_POLICY = '{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}}'
_ARN = "arn:aws:sqs:us-east-1:000000000000:"
_TOGETHER = 10  # events in a PutEvents
_RATE = 500


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument(
        "--holds",
        action="store_true",
        help="measure only for how long calls hold the event loop, which slows the node",
    )
    parser.add_argument(
        "--first-view",
        action="store_true",
        help="measure only how soon a cold Chromium shows the overview (console_first_view.py)",
    )
    parser.add_argument(
        "--stream",
        type=float,
        default=0.0,
        help=f"measure only frames and memory of the page of events for so many seconds at {_RATE} events a second "
        "(console_stream.py)",
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nightbus-bench-") as folder:
        node = RunningNode(Path(folder) / "data", {"NIGHTBUS_MEASURE_HOLDS": "1"} if given.holds else {})
        try:
            make_rules(node, given.rules)
            make_events(node, given.events, given.rules)
            if given.first_view:
                measure_first_view(node.port, new_code(node), given.calls)
                return
            if given.stream:
                pid = node.process.pid
                measure_stream(
                    node.port, new_code(node), pid, given.stream, lambda end: put_steadily(node, end)
                )
                return
            caller = as_operator(node)
            for label, path, query in paths(caller):
                if given.holds:
                    print(f"{label:40} loop held {median_hold(caller, path, query, given.calls):6.1f} ms")
                else:
                    print_times(label, [seconds_of(caller, path, query) for _ in range(given.calls)])
            if given.holds:
                return
            print_times("POST /patterns/test", [tried(caller) for _ in range(given.calls)])
            print_times(f"live, lag at {_RATE} events/s", live_lags(node, caller, given.seconds))
            print_cost(node, caller, given.seconds / 2)
        finally:
            node.stop()


def make_rules(node: RunningNode, number: int) -> None:
    events, sqs = node.client("events"), node.client("sqs")
    sqs.create_queue(QueueName="there", Attributes={"Policy": _POLICY})
    for rule in range(number):
        events.put_rule(
            Name=f"rule-{rule}", EventPattern=json.dumps({"detail": {"rule": [rule], "state": ["paid"]}})
        )
        queue = "gone" if rule % 20 == 0 else "there"
        events.put_targets(Rule=f"rule-{rule}", Targets=[{"Id": "t", "Arn": _ARN + queue}])


def entry(number: int, rules: int) -> dict[str, Any]:
    state = "paid" if number % 3 else "open"
    detail = {
        "number": number,
        "rule": number % rules,
        "state": state,
        "customer": f"customer {number}",
        "lines": [1, 2, 3],
    }
    return {"Source": f"shop.{number % 7}", "DetailType": "Order Created", "Detail": json.dumps(detail)}


def make_events(node: RunningNode, number: int, rules: int) -> None:
    clients = [node.client("events") for _ in range(4)]
    began = time.perf_counter()

    def put(client: Any, firsts: Sequence[int]) -> None:
        for first in firsts:
            client.put_events(Entries=[entry(one, rules) for one in range(first, first + _TOGETHER)])

    firsts = range(0, number, _TOGETHER)
    with ThreadPoolExecutor(len(clients)) as pool:
        list(pool.map(put, clients, [firsts[at :: len(clients)] for at in range(len(clients))]))
    print(f"{number} events in {time.perf_counter() - began:.0f} s")


def paths(caller: Caller) -> list[tuple[str, str, dict[str, Any]]]:
    page = caller.get("/events", limit=100)
    failed = caller.get("/events", state="failed", limit=1)["events"]
    event_id = page["events"][0]["id"]
    return [
        ("GET /session", "/session", {}),
        ("GET /events, 100", "/events", {}),
        ("GET /events, 1,000", "/events", {"limit": 1000}),
        ("GET /events, the next 100", "/events", {"next": page["next"]}),
        ("GET /events, by source", "/events", {"source": "shop.3"}),
        ("GET /events, by a text that is rare", "/events", {"text": 'customer 7"'}),
        ("GET /events, by a pattern", "/events", {"pattern": '{"detail": {"rule": [7]}}'}),
        ("GET /events, failed", "/events", {"state": "failed"}),
        ("GET /events/ID, 200 rules", f"/events/{event_id}", {}),
        ("GET /events/ID/trace", f"/events/{(failed or page['events'])[0]['id']}/trace", {}),
        ("GET /rules", "/rules", {"limit": 1000}),
        ("GET /buses", "/buses", {}),
        ("GET /logs/groups", "/logs/groups", {}),
        *(
            (f"GET {path}", path, {})
            for path in ("/map", "/traffic", "/functions", "/queues", "/stacks", "/access/refusals")
        ),
    ]


def seconds_of(caller: Caller, path: str, query: dict[str, Any]) -> float:
    began = time.perf_counter()
    caller.get(path, **query)
    return time.perf_counter() - began


def median_hold(caller: Caller, path: str, query: dict[str, Any], calls: int) -> float:
    """For how many milliseconds a call holds the event loop at most, in the median of the calls."""
    holds = []
    for _ in range(calls):
        caller.send("GET", "/_nightbus/holds")  # counts from here
        caller.get(path, **query)
        holds.append(float(caller.send("GET", "/_nightbus/holds").json["longest_ms"]))
    return statistics.median(holds)


def tried(caller: Caller) -> float:
    event = {"source": "shop", "detail": json.loads(entry(1, 200)["Detail"])}
    began = time.perf_counter()
    caller.post(
        "/patterns/test", {"event": event, "pattern": {"detail": {"rule": [2], "state": [{"prefix": "p"}]}}}
    )
    return time.perf_counter() - began


def print_times(label: str, seconds: Sequence[float]) -> None:
    ordered = sorted(seconds)
    p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
    print(f"{label:40} p50 {statistics.median(ordered) * 1000:8.1f} ms   p95 {p95 * 1000:8.1f} ms")


class Listener(threading.Thread):
    """Reads the live stream; `seen` is called with each row of an event."""

    def __init__(self, caller: Caller, seen: Callable[[dict[str, Any]], None] | None = None) -> None:
        super().__init__(daemon=True)
        self._seen = seen
        self._connection = http.client.HTTPConnection("127.0.0.1", caller.port, timeout=60)
        query = urlencode({"topics": "events,deliveries"})
        self._connection.request("GET", f"/_nightbus/api/live?{query}", headers=dict(caller.headers))
        self._reply = self._connection.getresponse()
        self._reply.readline()
        self.messages = 0
        self.ended = False

    def run(self) -> None:
        topic = b""
        while not self.ended and self._seen is None:
            self._reply.read1(1 << 20)
        while not self.ended and self._seen is not None:
            line = self._reply.readline()
            if line.startswith(b"event: "):
                topic = line
            elif line.startswith(b"data: ") and topic == b"event: events\n":
                self.messages += 1
                for row in json.loads(line[6:]):
                    self._seen(row)


def live_lags(node: RunningNode, caller: Caller, seconds: float) -> list[float]:
    sent: dict[int, float] = {}
    lags: list[float] = []

    def seen(row: dict[str, Any]) -> None:
        began = sent.get(json.loads(row["preview"]).get("number"))
        if began is not None:
            lags.append(time.perf_counter() - began)

    listener = Listener(caller, seen)
    listener.start()
    client, number = node.client("events"), 10_000_000
    began = time.perf_counter()
    while (due := (number - 10_000_000) / _RATE) < seconds:
        time.sleep(max(0.0, began + due - time.perf_counter()))
        numbers = range(number, number + _TOGETHER)
        sent |= dict.fromkeys(numbers, time.perf_counter())
        client.put_events(Entries=[entry(one, 200) for one in numbers])
        number += _TOGETHER
    deadline = time.perf_counter() + 10
    while len(lags) < len(sent) and time.perf_counter() < deadline:
        time.sleep(0.05)
    listener.ended = True
    elapsed = time.perf_counter() - began
    print(f"live: {len(sent)} events put, {len(lags)} seen, {listener.messages / elapsed:.1f} messages/s")
    return lags


def put_steadily(node: RunningNode, end: threading.Event) -> None:
    """Put `_RATE` events a second until the end."""
    client, number, began = node.client("events"), 0, time.perf_counter()
    while not end.wait(max(0.0, began + number / _RATE - time.perf_counter())):
        client.put_events(Entries=[entry(one, 200) for one in range(number, number + _TOGETHER)])
        number += _TOGETHER
    print(f"{number} events in {time.perf_counter() - began:.0f} s")


def print_cost(node: RunningNode, caller: Caller, seconds: float) -> None:
    costs: dict[int, list[float]] = {0: [], 3: []}
    for _ in range(3):
        for number in costs:
            listeners = [Listener(caller) for _ in range(number)]
            for listener in listeners:
                listener.start()
            costs[number].append(cost(node, seconds))
            for listener in listeners:
                listener.ended = True
    without, watched = (statistics.median(costs[number]) for number in (0, 3))
    print(f"PutEvents: {without:.0f} us of the node for an event, {watched:.0f} us with three streams")


def cost(node: RunningNode, seconds: float) -> float:
    """The node's processor time for an event, in microseconds."""
    before, ends, counts = cpu_seconds(node), time.perf_counter() + seconds, [0, 0]

    def put(at: int) -> None:
        client = node.client("events")
        while time.perf_counter() < ends:
            client.put_events(Entries=[entry(one, 200) for one in range(_TOGETHER)])
            counts[at] += _TOGETHER

    threads = [threading.Thread(target=put, args=[at]) for at in range(len(counts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (cpu_seconds(node) - before) / sum(counts) * 1e6


def cpu_seconds(node: RunningNode) -> float:
    fields = Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
