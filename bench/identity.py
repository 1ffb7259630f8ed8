"""What do verification and evaluation cost a PutEvents of ten events? One node is asked in turns with an unknown key,
which it accepts unverified as an administrator's (no signature, no policies), and with a user's key, whose requests are
verified and whose policy, with a condition on the source, is evaluated.

Each turn is compared with the one beside it, since other programs of the machine change slowly; the median of all pairs
counts.

Run: python bench/identity.py. Exit status 1 if the second is more than 15 % slower.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from nightbus.gateway.signatures.canonical import canonical_request, string_to_sign
from nightbus.gateway.signatures.signing_keys import SigningKeys, is_same, sha256
from nodes import RunningNode

CLIENTS, EVENTS_A_REQUEST, MOST_SLOWER = 8, 10, 0.15
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:ReceiveMessage"], "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": "arn:aws:events:us-east-1:*:event-bus/*",
            "Condition": {"StringLike": {"events:source": ["bench.*"]}},
        },
    ],
}


def body() -> bytes:
    entry = {"Source": "bench.identity", "DetailType": "t", "Detail": json.dumps({"text": "x" * 200})}
    return json.dumps({"Entries": [entry] * EVENTS_A_REQUEST}).encode()


def signed(endpoint: str, key: str, secret: str) -> dict[str, str]:
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AWSEvents.PutEvents"}
    request: Any = AWSRequest("POST", f"{endpoint}/", headers=headers, data=body())
    SigV4Auth(Credentials(key, secret), "events", "us-east-1").add_auth(request)
    return {name: str(value) for name, value in request.headers.items()}


def users_key(node: RunningNode) -> tuple[str, str]:
    iam = node.client("iam")
    iam.create_user(UserName="bench")
    iam.put_user_policy(UserName="bench", PolicyName="p", PolicyDocument=json.dumps(POLICY))
    key = iam.create_access_key(UserName="bench")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


class Round(NamedTuple):
    """What one round saw: events per second, and microseconds of the node's processor time per request."""

    rate: float
    cost: float


def processor_seconds(node: RunningNode) -> float:
    fields = Path(f"/proc/{node.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(node: RunningNode, headers: dict[str, str], requests: int) -> Round:
    """Send so many requests over `CLIENTS` connections."""
    sent = body()

    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=60)
        for _ in range(requests // CLIENTS):
            connection.request("POST", "/", sent, headers)
            response = connection.getresponse()
            text = response.read()
            if response.status != 200 or b'"FailedEntryCount":0' not in text:
                raise RuntimeError(text.decode())
        connection.close()

    before, began = processor_seconds(node), time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as pool:
        for one in [pool.submit(run) for _ in range(CLIENTS)]:
            one.result()
    took, count = time.monotonic() - began, requests // CLIENTS * CLIENTS
    return Round(count * EVENTS_A_REQUEST / took, (processor_seconds(node) - before) / count * 1e6)


def microseconds(calls: int = 20_000) -> float:
    """Of one verification by itself, with its key cached: hash of the body, canonical request, signature."""
    sent, keys = body(), SigningKeys()
    headers = {
        "content-type": "application/x-amz-json-1.1",
        "host": "127.0.0.1:4566",
        "x-amz-date": "20260101T000000Z",
        "x-amz-target": "AWSEvents.PutEvents",
    }
    names, scope = sorted(headers), "20260101/us-east-1/events/aws4_request"
    began = time.perf_counter()
    for _ in range(calls):
        canonical = canonical_request("POST", "/", "", headers, names, sha256(sent))
        to_sign = string_to_sign(headers["x-amz-date"], scope, canonical)
        is_same(keys.key("secret", "20260101", "us-east-1", "events").signature(to_sign), "0" * 64)
    return (time.perf_counter() - began) / calls * 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000, help="of one round")
    parser.add_argument("--rounds", type=int, default=24)
    options = parser.parse_args()
    print(f"one verification by itself: {microseconds():.1f} µs")
    node = RunningNode()
    rounds: dict[str, list[Round]] = {"neither": [], "both": []}
    try:
        keys = {"neither": ("000000000000", "x"), "both": users_key(node)}
        measure(node, signed(node.endpoint, *keys["neither"]), options.requests)
        for turn in range(options.rounds):
            for way in ("neither", "both") if turn % 2 else ("both", "neither"):
                headers = signed(node.endpoint, *keys[way])
                rounds[way].append(measure(node, headers, options.requests))
    finally:
        node.stop()
    for way, seen in rounds.items():
        rate, cost = (statistics.median(part) for part in zip(*seen, strict=True))
        print(f"{way}: {rate:,.0f} events/s, {cost:.0f} µs of the node's processor time per request")
    pairs = list(zip(rounds["neither"], rounds["both"], strict=True))
    slower = statistics.median(1 - both.rate / neither.rate for neither, both in pairs)
    dearer = statistics.median(both.cost / neither.cost - 1 for neither, both in pairs)
    print(
        f"verification and evaluation lower the rate by {slower:.1%} and cost {dearer:.1%} more processor time"
    )
    return 0 if slower <= MOST_SLOWER else 1


if __name__ == "__main__":
    sys.exit(main())
