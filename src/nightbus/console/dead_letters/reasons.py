"""Reads out of a dead letter who gave it up, and why. Pure.

EventBridge and Lambda say so in attributes of the message, a destination for failed invocations gets a record, and SQS
says only which queue had it:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nightbus.bus.json_text import parse_json, write_json
from nightbus.messaging.message import Message

RULE, FUNCTION, QUEUE, TOPIC = "rule", "function", "queue", "topic"
_LONGEST_BODY = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Reason:
    """`by` is what gave the message up: `rule`, `function` or `queue`; its ARN is `source`, "" where it is not known.

    `attempts` counts all attempts, 0 where it is not known. `request_id` is that of the invocation that failed.
    `payload` is what the function was invoked with, as JSON, where that is not the body itself.
    """

    by: str
    source: str
    target: str = ""
    code: str = ""
    message: str = ""
    attempts: int = 0
    condition: str = ""
    event_id: str = ""
    request_id: str = ""
    payload: str = ""


def reason_of(message: Message) -> Reason | None:
    """None for a message that does not say of itself that it was given up."""
    texts = {name: value.get("StringValue", "") for name, value in message.attributes.items()}
    if message.source:
        return Reason(QUEUE, message.source, attempts=message.received, event_id=event_in(message.body))
    if "RULE_ARN" in texts:
        return Reason(
            RULE,
            texts["RULE_ARN"],
            target=texts.get("TARGET_ARN", ""),
            code=texts.get("ERROR_CODE", ""),
            message=texts.get("ERROR_MESSAGE", ""),
            attempts=_number(texts.get("RETRY_ATTEMPTS", "")) + 1,
            condition=texts.get("EXHAUSTED_RETRY_CONDITION", ""),
            event_id=event_in(message.body),
        )
    if "RequestID" in texts and "ErrorCode" in texts:
        return Reason(
            FUNCTION,
            "",
            code=texts["ErrorCode"],
            message=texts.get("ErrorMessage", ""),
            request_id=texts["RequestID"],
            event_id=event_in(message.body),
        )
    return _of_record(message.body)


def _of_record(body: str) -> Reason | None:
    """The record of an asynchronous invocation that failed, as a destination gets it."""
    record = _object(body) if '"requestContext"' in body and '"requestPayload"' in body else {}
    context = record.get("requestContext")
    if not isinstance(context, dict) or not isinstance(context.get("functionArn"), str):
        return None
    response, payload = record.get("responsePayload"), record.get("requestPayload")
    failure: dict[str, Any] = response if isinstance(response, dict) else {}
    return Reason(
        FUNCTION,
        context["functionArn"],
        code=str(failure.get("errorType") or ""),
        message=str(failure.get("errorMessage") or ""),
        attempts=_number(str(context.get("approximateInvokeCount") or 0)),
        condition=str(context.get("condition") or ""),
        request_id=str(context.get("requestId") or ""),
        event_id=str(payload.get("id") or "")
        if isinstance(payload, dict) and "detail-type" in payload
        else "",
        payload=write_json(payload),  # with each number as it was
    )


def event_in(body: str) -> str:
    """The id of the event that a message is, "" for any other message."""
    event = _object(body) if '"detail-type"' in body else {}
    return str(event.get("id") or "") if "detail-type" in event else ""


def _object(body: str) -> dict[str, Any]:
    if len(body) > _LONGEST_BODY:
        return {}
    try:
        value = parse_json(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else 0
