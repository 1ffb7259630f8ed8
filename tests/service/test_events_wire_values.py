"""What PutEvents answers to bodies that no SDK would write: times as text, more entries than it takes."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from nodes import RunningNode

ENTRY = {"Source": "shop", "DetailType": "Order", "Detail": "{}"}
CREDENTIAL = "AWS4-HMAC-SHA256 Credential=000000000000/20260101/us-east-1/events/aws4_request, Signature=0"
HEADERS = {
    "Authorization": CREDENTIAL, "X-Amz-Target": "AWSEvents.PutEvents", "Content-Type": "application/x-amz-json-1.1",
}  # fmt: skip


def put(node: RunningNode, *entries: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    try:
        connection.request("POST", "/", json.dumps({"Entries": entries}), HEADERS)
        reply = connection.getresponse()
        return reply.status, json.loads(reply.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("time", "found"),
    [
        ("2026-01-01T00:00:00Z", "STRING_VALUE"), ("1767225600", "STRING_VALUE"), ("", "STRING_VALUE"),
        (True, "TRUE_VALUE"), (False, "FALSE_VALUE"),
    ],
)  # fmt: skip
def test_the_time_of_an_entry_is_a_number_on_the_wire(node: RunningNode, time: Any, found: str) -> None:
    status, answer = put(node, {**ENTRY, "Time": time})
    assert (status, answer["__type"].rpartition("#")[2]) == (400, "SerializationException")
    message = answer.get("Message") or answer.get("message")
    assert message == f"{found} can not be converted to milliseconds since epoch"


@pytest.mark.parametrize("time", [1767225600, 1767225600.25])
def test_the_time_of_an_entry_is_seconds_since_1970(node: RunningNode, time: float) -> None:
    status, answer = put(node, {**ENTRY, "Time": time})
    assert (status, answer["FailedEntryCount"]) == (200, 0)


def test_eleven_entries_are_refused_as_java_writes_them(node: RunningNode) -> None:
    first = {**ENTRY, "Time": 1767225600, "Resources": ["arn:a", "arn:b"]}
    status, answer = put(node, first, *[ENTRY] * 10)
    message = answer.get("Message") or answer.get("message") or ""
    assert (status, answer["__type"].rpartition("#")[2]) == (400, "ValidationException")
    shown = (
        "1 validation error detected: Value '[PutEventsRequestEntry(time=Thu Jan 01 00:00:00 UTC 2026, source=shop, "
        "resources=[arn:a, arn:b], detailType=Order, detail={}, "
    )
    assert message.startswith(shown)
    assert message.count("PutEventsRequestEntry(time=") == 11
    assert "PutEventsRequestEntry(time=null, source=shop, resources=null, " in message
    end = "' at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10"
    assert message.endswith(end)
