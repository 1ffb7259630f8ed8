"""Tests what a dead letter says of who gave it up, and why."""

from __future__ import annotations

import json
from typing import Any

from nightbus.console.dead_letters.reasons import Reason, event_in, reason_of
from nightbus.messaging.message import Message

RULE = "arn:aws:events:eu-west-1:111111111111:rule/r"
FUNCTION = "arn:aws:lambda:eu-west-1:111111111111:function:f"
EVENT = '{"version":"0","id":"e-1","detail-type":"t","source":"s","detail":{}}'


def message(body: str, attributes: dict[str, str] | None = None, **more: Any) -> Message:
    typed = {name: {"DataType": "String", "StringValue": text} for name, text in (attributes or {}).items()}
    return Message("m", body, 1, "sender", typed, **more)


def test_what_a_rule_gave_up() -> None:
    letter = message(
        EVENT,
        {
            "RULE_ARN": RULE,
            "TARGET_ARN": FUNCTION,
            "ERROR_CODE": "NO_PERMISSIONS",
            "ERROR_MESSAGE": "it may not",
            "RETRY_ATTEMPTS": "3",
            "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
        },
    )
    assert reason_of(letter) == Reason(
        "rule", RULE, FUNCTION, "NO_PERMISSIONS", "it may not", 4, "MaximumRetryAttempts", "e-1"
    )


def test_what_a_functions_dead_letter_queue_got() -> None:
    letter = message(EVENT, {"RequestID": "r-1", "ErrorCode": "200", "ErrorMessage": "boom"})
    assert reason_of(letter) == Reason(
        "function", "", code="200", message="boom", request_id="r-1", event_id="e-1"
    )


def test_what_a_destination_got_with_its_numbers_as_they_were() -> None:
    record = (
        '{"version":"1.0","requestContext":{"requestId":"r-1","functionArn":"FUNCTION:$LATEST",'
        '"condition":"RetriesExhausted","approximateInvokeCount":3},'
        '"requestPayload":{"n":12345678901234567890.5},'
        '"responsePayload":{"errorType":"KeyError","errorMessage":"order"}}'
    ).replace("FUNCTION", FUNCTION)
    reason = reason_of(message(record))
    assert reason is not None
    assert (reason.by, reason.source, reason.code, reason.message) == (
        "function", f"{FUNCTION}:$LATEST", "KeyError", "order",
    )  # fmt: skip
    assert (reason.attempts, reason.condition, reason.request_id) == (3, "RetriesExhausted", "r-1")
    assert reason.payload == '{"n":12345678901234567890.5}'


def test_what_another_queue_gave_up() -> None:
    source = "arn:aws:sqs:eu-west-1:111111111111:work"
    reason = reason_of(message(EVENT, source=source, received=4))
    assert reason == Reason("queue", source, attempts=4, event_id="e-1")


def test_other_messages_say_nothing() -> None:
    bodies = [
        "",
        "plain",
        "[1]",
        '{"requestContext": 1, "requestPayload": 2}',
        '{"requestContext": {"functionArn": 1}, "requestPayload": 2}',
        '{"requestContext":',
        json.dumps({"detail-type": 1}),
    ]
    assert [reason_of(message(body)) for body in bodies] == [None] * len(bodies)


def test_the_event_that_a_message_is() -> None:
    assert event_in(EVENT) == "e-1"
    assert [event_in(text) for text in ("", "x", '{"id": "e"}', '"detail-type"', '{"detail-type": ')] == [
        ""
    ] * 5
