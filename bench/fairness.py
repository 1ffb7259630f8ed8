"""How long from PutEvents to a function while others hang? First nobody does, then 50 API destinations and 500 calls.

Run: python bench/fairness.py [--events N]. It starts a node of its own on loopback and ends by itself in about two
minutes. Each event goes alone; its function says by UDP that it runs.
"""

from __future__ import annotations

import argparse
import io
import json
import socket
import statistics
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from nodes import RunningNode  # noqa: E402

RUNTIME = f"python3.{sys.version_info.minor}"
ACCOUNT = "000000000000"
TARGETS, EVENTS_TO_EACH, INVOCATIONS = 50, 40, 500
PATIENCE_SECONDS = 60.0
QUICK = """
import socket
def handler(event, context):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.sendto(event["detail"]["n"].encode(), ("127.0.0.1", PORT))
"""
SLOW = "import time\ndef handler(event, context):\n    time.sleep(120)\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200, help="so many are measured each time")
    events = parser.parse_args().events
    node = RunningNode()
    try:
        measured = Latency(node)
        measured.take(5)
        show("nobody hangs", measured.take(events))
        hang(node)
        show(f"{TARGETS} targets and {INVOCATIONS} invocations hang", measured.take(events))
    finally:
        node.stop()


class Latency:
    """From PutEvents to the function's word, in milliseconds."""

    def __init__(self, node: RunningNode) -> None:
        self._events = node.client("events")
        self._heard = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._heard.bind(("127.0.0.1", 0))
        self._heard.settimeout(PATIENCE_SECONDS)
        arn = make_function(node, "quick", QUICK.replace("PORT", str(self._heard.getsockname()[1])))
        self._events.put_rule(Name="quick", EventPattern=json.dumps({"source": ["quick"]}))
        self._events.put_targets(Rule="quick", Targets=[{"Id": "f", "Arn": arn}])

    def take(self, count: int) -> list[float]:
        return [self._one() for _ in range(count)]

    def _one(self) -> float:
        wanted = str(time.monotonic_ns())
        entry = {"Source": "quick", "DetailType": "t", "Detail": json.dumps({"n": wanted})}
        began = time.perf_counter()
        self._events.put_events(Entries=[entry])
        while self._heard.recv(100).decode() != wanted:
            pass
        return (time.perf_counter() - began) * 1000


def make_function(node: RunningNode, name: str, source: str) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("app.py", source)
    trust: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Service": "lambda.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = node.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    node.client("iam").attach_role_policy(
        RoleName=name, PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    )
    functions = node.client("lambda")
    arn = functions.create_function(
        FunctionName=name,
        Role=role,
        Runtime=RUNTIME,
        Handler="app.handler",
        Timeout=120,
        Code={"ZipFile": packed.getvalue()},
    )["FunctionArn"]
    functions.add_permission(
        FunctionName=name,
        StatementId="rules",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    return str(arn)


def hang(node: RunningNode) -> None:
    """Targets that take connections and never answer, and invocations that sleep."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    taken: list[socket.socket] = []

    def accept() -> None:
        while True:
            taken.append(listening.accept()[0])

    threading.Thread(target=accept, daemon=True).start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    events, role = node.client("events"), node.client("iam").get_role(RoleName="quick")["Role"]["Arn"]
    key = {"ApiKeyAuthParameters": {"ApiKeyName": "x-key", "ApiKeyValue": "1"}}
    connection = events.create_connection(Name="c", AuthorizationType="API_KEY", AuthParameters=key)
    for number in range(TARGETS):
        destination = events.create_api_destination(
            Name=f"d{number}",
            ConnectionArn=connection["ConnectionArn"],
            InvocationEndpoint=url,
            HttpMethod="POST",
        )["ApiDestinationArn"]
        events.put_rule(Name=f"slow{number}", EventPattern=json.dumps({"source": ["slow"]}))
        targets = [{"Id": "d", "Arn": destination, "RoleArn": role}]
        events.put_targets(Rule=f"slow{number}", Targets=targets)
    entry = {"Source": "slow", "DetailType": "t", "Detail": "{}"}
    for _ in range(EVENTS_TO_EACH // 10):
        events.put_events(Entries=[entry] * 10)
    make_function(node, "slow", SLOW)
    functions = node.client("lambda")
    for _ in range(INVOCATIONS):
        functions.invoke(FunctionName="slow", InvocationType="Event")
    time.sleep(20)  # their environments start, which takes the processor from everybody


def show(what: str, latencies: list[float]) -> None:
    latencies = sorted(latencies)
    p99 = latencies[int(len(latencies) * 0.99) - 1] if len(latencies) > 1 else latencies[0]
    print(
        f"{what}: p50 {statistics.median(latencies):.1f} ms, p99 {p99:.1f} ms, most {latencies[-1]:.1f} ms",
        flush=True,
    )


if __name__ == "__main__":
    main()
