"""SQS by boto3: what is sent, alone or in a batch, is received as it was, with the checksums that SDKs compare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import code_and_status, refusal

Client = Callable[..., Any]
PREFIX = "AWS.SimpleQueueService."
LARGEST = 1_048_576
ACCOUNT = "000000000000"
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
ATTRIBUTES: dict[str, dict[str, Any]] = {
    "Text": {"DataType": "String", "StringValue": "ünïcode & <more>"},
    "Count": {"DataType": "Number.int", "StringValue": "-12.5e3"},
    "Bytes": {"DataType": "Binary.gif", "BinaryValue": b"GIF\x00\xff"},
}

ALL_MD5 = "c9868231ea5d681a8a8914ee34b81c42"
ONE_MD5 = "1afafd75fdc982d3a88dff43fb0cc890"  # of Text alone


@pytest.fixture
def sqs(client: Client) -> Any:
    return client("sqs")


@pytest.fixture
def url(sqs: Any) -> str:
    made: str = sqs.create_queue(QueueName=f"queue-{uuid4().hex[:12]}")["QueueUrl"]
    return made


def receive(sqs: Any, url: str, **params: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, **params).get("Messages", [])
    return found


def text(value: str, **more: Any) -> dict[str, Any]:
    return {"DataType": "String", "StringValue": value, **more}


def test_a_message_from_its_sending_to_its_deletion(sqs: Any, url: str) -> None:
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello")
    assert sent["MD5OfMessageBody"] == hashlib.md5(b"hello").hexdigest()
    assert "MD5OfMessageAttributes" not in sent
    assert "SequenceNumber" not in sent
    (message,) = receive(sqs, url)
    assert set(message) == {"MessageId", "ReceiptHandle", "MD5OfBody", "Body"}
    assert (message["MessageId"], message["Body"]) == (sent["MessageId"], "hello")
    assert receive(sqs, url) == []
    for _ in range(2):  # the second time it is gone, which is no error
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"])
    assert counts["Attributes"] == {"ApproximateNumberOfMessagesNotVisible": "0"}


@pytest.mark.parametrize("body", ["\t\r\n", " a ", "ünïcode 🚌", '{"a": "<&>"}', "\ud7ff\ue000\ufffd"])
def test_a_body_comes_as_it_was(sqs: Any, url: str, body: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody=body)
    assert receive(sqs, url)[0]["Body"] == body


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_characters_that_no_message_may_have(sqs: Any, url: str, character: str) -> None:
    refused = ("InvalidMessageContents", 400)
    assert code_and_status(sqs.send_message, QueueUrl=url, MessageBody=f"a{character}") == refused
    attributes = {"a": text(character)}
    assert (
        code_and_status(sqs.send_message, QueueUrl=url, MessageBody="a", MessageAttributes=attributes)
        == refused
    )
    assert receive(sqs, url) == []


def test_a_message_without_a_body_is_refused(sqs: Any, url: str) -> None:
    refused = ("MissingParameter", 400, "The request must contain the parameter MessageBody.")
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="") == refused


def test_a_message_of_a_mebibyte_with_its_attributes_is_taken_and_one_byte_more_is_not(
    sqs: Any, url: str
) -> None:
    attributes = {"abc": text("é")}
    most = LARGEST - len("abc") - len("String") - len("é".encode())
    too_long = f"One or more parameters are invalid. Reason: Message must be shorter than {LARGEST} bytes."
    refused = ("InvalidParameterValue", 400, too_long)
    for body in ("x" * (most + 1), "é" * (most // 2 + 1)):
        call = {"QueueUrl": url, "MessageBody": body, "MessageAttributes": attributes}
        assert refusal(sqs.send_message, **call) == refused
    sqs.send_message(QueueUrl=url, MessageBody="x" * most, MessageAttributes=attributes)
    assert len(receive(sqs, url)[0]["Body"]) == most


def test_a_queue_may_take_less(sqs: Any, url: str) -> None:
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MaximumMessageSize": "1024"})
    sqs.send_message(QueueUrl=url, MessageBody="x" * 1024)
    told = "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
    assert refusal(sqs.send_message, QueueUrl=url, MessageBody="x" * 1025) == (
        "InvalidParameterValue",
        400,
        told,
    )


def test_message_attributes_come_as_they_were_and_only_if_asked_for(sqs: Any, url: str) -> None:
    sent = sqs.send_message(QueueUrl=url, MessageBody="a", MessageAttributes=ATTRIBUTES)
    assert sent["MD5OfMessageAttributes"] == ALL_MD5

    def received(*names: str) -> dict[str, Any]:
        (message,) = receive(sqs, url, MessageAttributeNames=names, VisibilityTimeout=0)
        found: dict[str, Any] = message.get("MessageAttributes", {})
        wanted = ALL_MD5 if found == ATTRIBUTES else ONE_MD5 if found else None
        assert message.get("MD5OfMessageAttributes") == wanted
        return found

    assert received("All") == received(".*") == received("*") == ATTRIBUTES
    assert received("Text", "Nothing") == {"Text": ATTRIBUTES["Text"]}
    assert received() == received("Nothing") == received("text") == {}


def test_message_attributes_are_chosen_by_prefix(sqs: Any, url: str) -> None:
    attributes = {name: text("x") for name in ("foo.a", "foobar", "fo", "bar")}
    sqs.send_message(QueueUrl=url, MessageBody="a", MessageAttributes=attributes)
    (message,) = receive(sqs, url, MessageAttributeNames=["foo.*", "bar"])
    assert message["MessageAttributes"].keys() == {"foo.a", "foobar", "bar"}


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("aws.name", text("x"), "InvalidParameterValue"),
    ("Amazon.name", text("x"), "InvalidParameterValue"),
    (".name", text("x"), "InvalidParameterValue"),
    ("name.", text("x"), "InvalidParameterValue"),
    ("a..b", text("x"), "InvalidParameterValue"),
    ("a b", text("x"), "InvalidParameterValue"),
    ("x" * 257, text("x"), "InvalidParameterValue"),
    ("name", text(""), "InvalidParameterValue"),
    ("name", {"DataType": "Binary", "BinaryValue": b""}, "InvalidParameterValue"),
    ("name", {"DataType": "Binary", "StringValue": "x"}, "InvalidParameterValue"),
    ("name", {"DataType": "", "StringValue": "x"}, "InvalidParameterValue"),
    ("name", {"DataType": "Text", "StringValue": "x"}, "InvalidParameterValue"),
    ("name", {"DataType": "string", "StringValue": "x"}, "InvalidParameterValue"),
    ("name", {"DataType": "Number", "StringValue": "many"}, "InvalidParameterValue"),
    ("name", {"DataType": "Number", "StringValue": "1_000"}, "InvalidParameterValue"),
    ("name", {"DataType": "Number", "StringValue": "nan"}, "InvalidParameterValue"),
    ("name", text("x", StringListValues=["x"]), f"{PREFIX}UnsupportedOperation"),
]


@pytest.mark.parametrize(("name", "value", "code"), WRONG)
def test_a_message_attribute_that_is_none_is_refused(
    sqs: Any, url: str, name: str, value: dict[str, Any], code: str
) -> None:
    refused = code_and_status(
        sqs.send_message, QueueUrl=url, MessageBody="a", MessageAttributes={name: value}
    )
    assert refused == (code, 400)


def test_an_empty_attribute_is_named(sqs: Any, url: str) -> None:
    told = "Message (user) attribute 'name' must contain a non-empty value of type 'String'."
    refused = refusal(sqs.send_message, QueueUrl=url, MessageBody="a", MessageAttributes={"name": text("")})
    assert refused == ("InvalidParameterValue", 400, told)


def test_ten_attributes_are_the_most(sqs: Any, url: str) -> None:
    def attributes(count: int) -> dict[str, Any]:
        return {f"a{at}": text("x") for at in range(count)}

    sqs.send_message(QueueUrl=url, MessageBody="a", MessageAttributes=attributes(10))
    refused = refusal(sqs.send_message, QueueUrl=url, MessageBody="a", MessageAttributes=attributes(11))
    told = "Number of message attributes [11] exceeds the allowed maximum [10]."
    assert refused == ("InvalidParameterValue", 400, told)


def test_system_attributes(sqs: Any, url: str) -> None:
    trace = {"AWSTraceHeader": text(TRACE)}
    sent = sqs.send_message(QueueUrl=url, MessageBody="a", MessageSystemAttributes=trace)
    assert sent["MD5OfMessageSystemAttributes"]
    (first,) = receive(sqs, url, MessageSystemAttributeNames=["All"], VisibilityTimeout=0)
    (second,) = receive(sqs, url, AttributeNames=["All"], VisibilityTimeout=0)
    known = first["Attributes"]
    assert set(known) == {
        "SenderId", "SentTimestamp", "ApproximateReceiveCount", "ApproximateFirstReceiveTimestamp",
        "AWSTraceHeader",
    }  # fmt: skip
    assert (known["SenderId"], known["AWSTraceHeader"]) == (ACCOUNT, TRACE)
    assert int(known["SentTimestamp"]) <= int(known["ApproximateFirstReceiveTimestamp"])
    assert second["Attributes"] == {**known, "ApproximateReceiveCount": "2"}
    (third,) = receive(sqs, url, MessageSystemAttributeNames=["SenderId"], VisibilityTimeout=0)
    assert third["Attributes"] == {"SenderId": ACCOUNT}
    (fourth,) = receive(sqs, url, AttributeNames=["ApproximateReceiveCount", "AWSTraceHeader"])
    assert fourth["Attributes"] == {"ApproximateReceiveCount": "4", "AWSTraceHeader": TRACE}
    refused = refusal(sqs.receive_message, QueueUrl=url, AttributeNames=["Colour"])
    assert refused == ("InvalidAttributeName", 400, "Unknown Attribute Colour.")
    refused = refusal(sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["SenderId"])
    assert refused == ("InvalidAttributeName", 400, "Unknown Attribute SenderId.")
    refused = refusal(sqs.receive_message, QueueUrl=url, MessageSystemAttributeNames=["Colour"])
    assert refused == ("InvalidAttributeName", 400, "Unknown Attribute Colour.")
    for wrong in ({"Colour": text("x")}, {"AWSTraceHeader": {"DataType": "Number", "StringValue": "1"}}):
        refused_at_once = code_and_status(
            sqs.send_message, QueueUrl=url, MessageBody="a", MessageSystemAttributes=wrong
        )
        assert refused_at_once == ("InvalidParameterValue", 400)


@pytest.mark.parametrize(
    ("parameter", "value", "reason"),
    [
        ("MaxNumberOfMessages", 0, "Must be between 1 and 10, if provided."),
        ("MaxNumberOfMessages", 11, "Must be between 1 and 10, if provided."),
        ("WaitTimeSeconds", -1, "Must be >= 0 and <= 20, if provided."),
        ("WaitTimeSeconds", 21, "Must be >= 0 and <= 20, if provided."),
        ("VisibilityTimeout", 43201, "Must be >= 0 and <= 43200, if provided."),
        (
            "ReceiveRequestAttemptId",
            "once",
            "The request include parameter that is not valid for this queue type.",
        ),
    ],
)
def test_receiving_within_its_limits(sqs: Any, url: str, parameter: str, value: Any, reason: str) -> None:
    told = f"Value {value} for parameter {parameter} is invalid. Reason: {reason}"
    refused = refusal(sqs.receive_message, QueueUrl=url, **{parameter: value})
    assert refused == ("InvalidParameterValue", 400, told)


@pytest.mark.parametrize(("parameter", "value"), [("DelaySeconds", -1), ("DelaySeconds", 901)])
def test_sending_within_its_limits(sqs: Any, url: str, parameter: str, value: int) -> None:
    refused = code_and_status(sqs.send_message, QueueUrl=url, MessageBody="a", **{parameter: value})
    assert refused == ("InvalidParameterValue", 400)


def test_a_standard_queue_takes_groups_and_no_deduplication(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a", MessageGroupId="tenant")
    (message,) = receive(sqs, url, MessageSystemAttributeNames=["MessageGroupId"])
    assert message["Attributes"] == {"MessageGroupId": "tenant"}
    told = (
        "Value x for parameter MessageDeduplicationId is invalid. Reason: The request includes a parameter that is"
        " not valid for this queue type."
    )
    refused = refusal(sqs.send_message, QueueUrl=url, MessageBody="a", MessageDeduplicationId="x")
    assert refused == ("InvalidParameterValue", 400, told)


def test_ten_at_once(sqs: Any, url: str) -> None:
    for start in (0, 10):
        entries = [{"Id": str(at), "MessageBody": str(at)} for at in range(start, start + 10)]
        sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
        assert [one["Id"] for one in sent["Successful"]] == [one["Id"] for one in entries]
        assert "Failed" not in sent
    found = [receive(sqs, url, MaxNumberOfMessages=10) for _ in range(3)]
    assert [len(one) for one in found] == [10, 10, 0]
    assert {one["Body"] for some in found for one in some} == {str(at) for at in range(20)}
    handles = [{"Id": one["Body"], "ReceiptHandle": one["ReceiptHandle"]} for one in found[0]]
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=handles)
    assert [one["Id"] for one in deleted["Successful"]] == [one["Id"] for one in handles]


def test_an_entry_that_fails_fails_alone(sqs: Any, url: str) -> None:
    entries: list[dict[str, Any]] = [
        {"Id": "good", "MessageBody": "good", "MessageAttributes": ATTRIBUTES},
        {"Id": "characters", "MessageBody": "\x01"},
        {"Id": "delay", "MessageBody": "a", "DelaySeconds": 901},
        {"Id": "attribute", "MessageBody": "a", "MessageAttributes": {"aws.": text("x")}},
        {"Id": "last", "MessageBody": "last"},
    ]
    sent = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [one["Id"] for one in sent["Successful"]] == ["good", "last"]
    assert [(one["Id"], one["Code"], one["SenderFault"]) for one in sent["Failed"]] == [
        ("characters", "InvalidMessageContents", True),
        ("delay", "InvalidParameterValue", True),
        ("attribute", "InvalidParameterValue", True),
    ]
    found = receive(sqs, url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    assert {one["Body"] for one in found} == {"good", "last"}
    handles = {one["Body"]: one["ReceiptHandle"] for one in found}
    changes: list[dict[str, Any]] = [
        {"Id": "good", "ReceiptHandle": handles["good"], "VisibilityTimeout": 60},
        {"Id": "handle", "ReceiptHandle": "made-up", "VisibilityTimeout": 60},
        {"Id": "range", "ReceiptHandle": handles["last"], "VisibilityTimeout": 43201},
        {"Id": "none", "ReceiptHandle": handles["last"]},
    ]
    changed = sqs.change_message_visibility_batch(QueueUrl=url, Entries=changes)
    assert [one["Id"] for one in changed["Successful"]] == ["good"]
    assert [(one["Id"], one["Code"]) for one in changed["Failed"]] == [
        ("handle", "ReceiptHandleIsInvalid"),
        ("range", "InvalidParameterValue"),
        ("none", "MissingParameter"),
    ]
    gone = [{"Id": "no", "ReceiptHandle": "made-up"}, {"Id": "yes", "ReceiptHandle": handles["good"]}]
    deleted = sqs.delete_message_batch(QueueUrl=url, Entries=gone)
    assert [one["Id"] for one in deleted["Successful"]] == ["yes"]
    (failed,) = deleted["Failed"]
    told = 'The input receipt handle "made-up" is not a valid receipt handle.'
    assert failed == {"Id": "no", "Code": "ReceiptHandleIsInvalid", "Message": told, "SenderFault": True}


def batch(call: str, ids: list[str]) -> list[dict[str, Any]]:
    rest: dict[str, dict[str, Any]] = {
        "send_message_batch": {"MessageBody": "a"},
        "delete_message_batch": {"ReceiptHandle": "h"},
        "change_message_visibility_batch": {"ReceiptHandle": "h", "VisibilityTimeout": 0},
    }
    return [{"Id": one, **rest[call]} for one in ids]


@pytest.mark.parametrize(
    ("call", "entry"),
    [
        ("send_message_batch", "SendMessageBatchRequestEntry"),
        ("delete_message_batch", "DeleteMessageBatchRequestEntry"),
        ("change_message_visibility_batch", "ChangeMessageVisibilityBatchRequestEntry"),
    ],
)
def test_a_batch_that_is_none_is_refused_whole(sqs: Any, url: str, call: str, entry: str) -> None:
    def refused(ids: list[str]) -> tuple[str, int, str]:
        return refusal(getattr(sqs, call), QueueUrl=url, Entries=batch(call, ids))

    empty = f"There should be at least one {entry} in the request."
    assert refused([]) == (f"{PREFIX}EmptyBatchRequest", 400, empty)
    many = "Maximum number of entries per request are 10. You have sent 11."
    assert refused([str(at) for at in range(11)]) == (f"{PREFIX}TooManyEntriesInBatchRequest", 400, many)
    assert refused(["a", "b", "a"]) == (f"{PREFIX}BatchEntryIdsNotDistinct", 400, "Id a repeated.")
    for wrong in ("", "a b", "a:b", "x" * 81):
        code, status, message = refused(["a", wrong])
        assert (code, status) == (f"{PREFIX}InvalidBatchEntryId", 400)
        assert message.startswith("A batch entry id can only contain alphanumeric characters")
    assert receive(sqs, url) == []


def test_a_batch_holds_a_mebibyte_in_all(sqs: Any, url: str) -> None:
    entries = [{"Id": str(at), "MessageBody": "x" * (LARGEST // 4)} for at in range(4)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 4
    told = f"Batch requests cannot be longer than {LARGEST} bytes. You have sent {LARGEST + 1} bytes."
    entries.append({"Id": "more", "MessageBody": "x"})
    refused = refusal(sqs.send_message_batch, QueueUrl=url, Entries=entries)
    assert refused == (f"{PREFIX}BatchRequestTooLong", 400, told)


@pytest.mark.parametrize("handle", ["", "made-up", "bm9uZQ==", "c3FzL3F1ZXVlIDEgMSAx"])
def test_what_is_no_receipt_handle_is_refused(sqs: Any, url: str, handle: str) -> None:
    told = f'The input receipt handle "{handle}" is not a valid receipt handle.'
    refused = ("ReceiptHandleIsInvalid", 404, told)
    assert refusal(sqs.delete_message, QueueUrl=url, ReceiptHandle=handle) == refused
    call = {"QueueUrl": url, "ReceiptHandle": handle, "VisibilityTimeout": 0}
    assert refusal(sqs.change_message_visibility, **call) == refused


def test_a_handle_is_good_for_its_own_queue_only(sqs: Any, url: str) -> None:
    other = sqs.create_queue(QueueName=f"other-{uuid4().hex[:12]}")["QueueUrl"]
    sqs.send_message(QueueUrl=other, MessageBody="a")
    handle = receive(sqs, other)[0]["ReceiptHandle"]
    refused = code_and_status(sqs.delete_message, QueueUrl=url, ReceiptHandle=handle)
    assert refused == ("ReceiptHandleIsInvalid", 404)
