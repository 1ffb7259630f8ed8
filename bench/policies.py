"""How long does a decision take for a typical role: five statements, two managed policies, a boundary, two conditions?

Run: python bench/policies.py
"""

from __future__ import annotations

import time
from typing import Any

from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.evaluation import Policies, decide
from nightbus.policies.request import AccessRequest

ACCOUNT = "111122223333"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/orders/worker"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:orders-incoming"
TABLE = f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/Orders"
ROUNDS, CALLS = 7, 20_000
MOST_MICROSECONDS = 30.0

INLINE: list[dict[str, Any]] = [
    {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:ReceiveMessage", "sqs:DeleteMessage"], "Resource": QUEUE},
    {"Effect": "Allow", "Action": "events:PutEvents", "Resource": f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/*",
     "Condition": {"StringLike": {"events:source": ["com.shop.*", "com.store.*"]}}},
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:PutObject"], "Resource": "arn:aws:s3:::shop/${aws:userid}/*"},
]  # fmt: skip
LOGGING: list[dict[str, Any]] = [
    {"Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": "*"}
]
GUARD: list[dict[str, Any]] = [
    {"Effect": "Deny", "Action": "*", "Resource": "*",
     "Condition": {"StringNotEquals": {"aws:RequestedRegion": ["eu-west-1", "eu-central-1"]},
                   "NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}},
]  # fmt: skip
LIMITS: list[dict[str, Any]] = [
    {"Effect": "Allow", "Action": ["sqs:*", "events:*", "s3:*", "logs:*"], "Resource": "*"}
]
KEYS = {
    "aws:requestedregion": "eu-west-1", "aws:sourceip": "10.1.2.3", "aws:userid": "AROAEXAMPLE:worker",
    "events:source": "com.shop.orders",
}  # fmt: skip
REQUESTS = {
    "send a message": AccessRequest("sqs:SendMessage", QUEUE, SESSION, ACCOUNT, keys=KEYS),
    "put an event": AccessRequest(
        "events:PutEvents", f"arn:aws:events:eu-west-1:{ACCOUNT}:event-bus/shop", SESSION, ACCOUNT, keys=KEYS
    ),
    "get an object": AccessRequest(
        "s3:GetObject", "arn:aws:s3:::shop/AROAEXAMPLE:worker/a.json", SESSION, ACCOUNT, keys=KEYS
    ),
    "refused": AccessRequest("dynamodb:GetItem", TABLE, SESSION, ACCOUNT, keys=KEYS),
    "refused elsewhere": AccessRequest(
        "sqs:SendMessage",
        QUEUE,
        SESSION,
        ACCOUNT,
        keys={**KEYS, "aws:requestedregion": "us-east-1", "aws:sourceip": ""},
    ),
}


def typical() -> Policies:
    identity = tuple(
        Policy.compile(_document(statements), PolicyKind.IDENTITY, name)
        for name, statements in (("inline", INLINE), ("logging", LOGGING), ("guard", GUARD))
    )
    return Policies(identity, Policy.compile(_document(LIMITS), PolicyKind.BOUNDARY, "limits"))


def _document(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def microseconds(
    request: AccessRequest, policies: Policies, calls: int = CALLS, rounds: int = ROUNDS
) -> float:
    """Return the time of one decision, of the best of several rounds."""
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(calls):
            decide(request, policies, ACCOUNT)
        best = min(best, time.perf_counter() - began)
    return best / calls * 1e6


def main() -> None:
    policies = typical()
    for name, request in REQUESTS.items():
        allowed = decide(request, policies, ACCOUNT).is_allowed
        print(f"{name:20} {microseconds(request, policies):6.2f} µs  {'allowed' if allowed else 'refused'}")
    began = time.perf_counter()
    for _ in range(200):
        typical()
    print(f"{'compile all four':20} {(time.perf_counter() - began) / 200 * 1e6:6.0f} µs")


if __name__ == "__main__":
    main()
