"""Makes the batches that a function gets from a queue, and reads from its answer which messages are done. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html, services-sqs-errorhandling.html, with-sqs-filtering.html
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from nightbus.bus.patterns import Pattern, matches

_MOST_BYTES = 6 * 1024 * 1024
_ROOM_FOR_ESCAPES = 1024
_NOTIFICATION = '{"Type":"Notification","MessageId":"'


def record_of(message: Mapping[str, Any], queue_arn: str) -> dict[str, Any]:
    """A Message of ReceiveMessage as functions see it."""
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "BinaryValue" in value:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    else:
        shown["stringValue"] = value["StringValue"]
    return shown


def is_wanted(record: Mapping[str, Any], patterns: Sequence[Pattern]) -> bool:
    """Whether any of the filters lets the message through; without filters every message is wanted.

    A body that is a JSON object is compared as one, any other as text: a filter for the other kind drops it.
    """
    if not patterns:
        return True
    body = _parsed(record["body"])
    event = {**record, "body": body if isinstance(body, dict) else record["body"]}
    return any(matches(pattern, event) for pattern in patterns)


def wanted_and_others(
    records: Sequence[dict[str, Any]], patterns: Sequence[Pattern]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those that the filters let through, and the rest."""
    wanted: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for record in records:
        (wanted if is_wanted(record, patterns) else others).append(record)
    return wanted, others


def batches(records: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """As few as fit into the 6 MB of an invocation each."""
    batch: list[dict[str, Any]] = []
    size = 0
    for record in records:
        needed = len(orjson.dumps(record)) + 1
        if batch and size + needed > _MOST_BYTES - _ROOM_FOR_ESCAPES:
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += needed
    if batch:
        yield batch


def done(sent: Sequence[dict[str, Any]], answer: bytes, reports_failures: bool) -> Sequence[dict[str, Any]]:
    """The messages that a function that ended well has dealt with: all but the `batchItemFailures` it reports.

    An answer that reports failures in a form that is none counts as a failure of the whole batch.
    """
    if not reports_failures:
        return sent
    value = _parsed(answer or b"null")
    if value is None and answer not in (b"", b"null"):
        return []
    failures = value.get("batchItemFailures") if isinstance(value, dict) else None
    if not failures:
        return sent
    if not isinstance(failures, list):
        return []
    failed = {one.get("itemIdentifier") if isinstance(one, dict) else None for one in failures}
    if not failed <= {record["messageId"] for record in sent}:
        return []
    return [record for record in sent if record["messageId"] not in failed]


def messages_in(records: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, int]]:
    """What each message is known by to who sent it → its id and when it was sent, UTC ms.

    A topic's notification is known by its own id, which an envelope of this node begins with.
    """
    found = {}
    for record in records:
        body, key = record["body"], record["messageId"]
        if body.startswith(_NOTIFICATION):
            key = body[len(_NOTIFICATION) :].partition('"')[0]
        found[key] = (record["messageId"], int(record["attributes"]["SentTimestamp"]))
    return found


def _parsed(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
