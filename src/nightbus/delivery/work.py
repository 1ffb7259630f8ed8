"""How does a delivery lie in the queue, and how is an outcome written down?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from nightbus.aws.calls import Scope
from nightbus.delivery.interface import Delivered, Delivery, Outcome

QUEUE = "deliveries"


def encode(delivery: Delivery) -> bytes:
    return orjson.dumps(
        {
            "scope": list(delivery.scope),
            "bus": delivery.bus,
            "rule": delivery.rule,
            "rule_arn": delivery.rule_arn,
            "event_id": delivery.event_id,
            "event_time": delivery.event_time,
            "target": delivery.target,
            "input": delivery.input.decode(),
            "attempt": delivery.attempt,
            "trace": delivery.trace,
        }
    )


def decode(data: bytes) -> Delivery:
    value = orjson.loads(data)
    return Delivery(**{**value, "scope": Scope(*value["scope"]), "input": value["input"].encode()})


def next_try(delivery: Delivery) -> Delivery:
    return replace(delivery, attempt=delivery.attempt + 1)


def outcome_entry(delivery: Delivery, outcome: Outcome, now_ms: int, next_ms: int | None) -> bytes:
    """One attempt as the outcome log has it; `next_ms` is when the next one follows."""
    entry: dict[str, Any] = {
        "rule": delivery.rule,
        "target": delivery.target["Id"],
        "arn": delivery.target["Arn"],
        "attempt": delivery.attempt,
        "time": now_ms,
    }
    if isinstance(outcome, Delivered):
        entry |= {"outcome": "delivered", "request_id": outcome.request_id}
    else:
        entry |= {
            "outcome": "failed" if next_ms is None else "will be tried again",
            "code": outcome.code,
            "message": outcome.message,
        }
        if next_ms is not None:
            entry["next"] = next_ms
    return orjson.dumps(entry)
