"""What a message holds: its checksums by AWS's documented algorithm, its form in the store, its receipt handle."""

from __future__ import annotations

import base64
import hashlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.messaging.message import Message, PlainMessages, decode, encode
from nightbus.messaging.receipts import Receipt, read_receipt, write_receipt
from nightbus.services.sqs.content import (
    check_text,
    md5_of_attributes,
    md5_of_body,
    message_size,
    request_size,
    stored_attributes,
)

ALLOWED = [(0x9, 0x9), (0xA, 0xA), (0xD, 0xD), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF)]
NAMES = st.text("abcXYZ019_-", min_size=1, max_size=20)
TEXTS = st.one_of(
    *(st.text(st.characters(min_codepoint=low, max_codepoint=high), min_size=1) for low, high in ALLOWED)
)
NUMBERS = st.one_of(st.integers().map(str), st.floats(allow_nan=False, allow_infinity=False).map(repr))
KINDS = st.sampled_from(["", ".custom", ".a.b"])


def of_kind(base: str, member: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda kind, value: {"DataType": base + kind, member: value}, KINDS, values)


VALUES = st.one_of(
    of_kind("String", "StringValue", TEXTS),
    of_kind("Number", "StringValue", NUMBERS),
    of_kind("Binary", "BinaryValue", st.binary(min_size=1)),
)
ATTRIBUTES = st.dictionaries(NAMES, VALUES, max_size=10)


def documented_md5(attributes: dict[str, dict[str, Any]]) -> str:
    """docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html, step by step."""
    buffer = b""
    for name in sorted(attributes):
        value = attributes[name]
        kind: str = value["DataType"]
        buffer += struct.pack("!I", len(name.encode())) + name.encode()
        buffer += struct.pack("!I", len(kind.encode())) + kind.encode()
        is_binary = kind.startswith("Binary")
        content = value["BinaryValue"] if is_binary else value["StringValue"].encode()
        buffer += struct.pack("B", 2 if is_binary else 1) + struct.pack("!I", len(content)) + content
    return hashlib.md5(buffer).hexdigest()


@given(ATTRIBUTES)
def test_the_checksum_of_attributes_is_the_documented_one(attributes: dict[str, dict[str, Any]]) -> None:
    wanted = documented_md5(attributes) if attributes else None
    assert md5_of_attributes(stored_attributes(attributes)) == wanted


def text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": value}


HELLO, GENERAL, HELP = {"Hello": text("There")}, {"General": text("Kenobi")}, {"Help.Me": text("Me")}


@pytest.mark.parametrize(
    ("attributes", "md5"),
    [
        ({"Foo": text("Bar")}, "ae7155c6026991b6d54b11589678bf9c"),
        (HELLO, "a311262e065454b75da111d535b8dacd"),
        (HELLO | GENERAL, "fca026605781cb4126a1e9044df24232"),
        (HELP | HELLO, "83fee93c1bcd8b9a5a923ffacdc636c7"),
        (HELLO | HELP | GENERAL, "4c360f3fdafd970e05fae2f149d997f5"),
        (
            {
                "attr1": {
                    "DataType": "Binary",
                    "BinaryValue": b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01",
                }
            },
            "8cbe4db156db8a94db8b801b7addb984",
        ),
    ],
)
def test_checksums_that_aws_itself_answered_with(attributes: dict[str, Any], md5: str) -> None:
    assert md5_of_attributes(stored_attributes(attributes)) == md5


@given(TEXTS, ATTRIBUTES)
def test_the_size_is_that_of_all_that_was_given(body: str, attributes: dict[str, dict[str, Any]]) -> None:
    wanted = len(body.encode())
    for name, value in attributes.items():
        content = value.get("BinaryValue") or value["StringValue"].encode()
        wanted += len(name) + len(value["DataType"]) + len(content)
    assert message_size(body, stored_attributes(attributes)) == request_size(body, attributes) == wanted


@given(st.text())
def test_only_the_documented_characters_are_taken(body: str) -> None:
    allowed = all(any(low <= ord(one) <= high for low, high in ALLOWED) for one in body)
    if allowed:
        check_text(body)
        assert md5_of_body(body) == hashlib.md5(body.encode()).hexdigest()
    else:
        with pytest.raises(AwsError, match="InvalidMessageContents"):
            check_text(body)


@given(
    TEXTS,
    ATTRIBUTES,
    st.integers(0, 2**43),
    st.text(),
    st.text(),
    st.text(),
    st.text(),
    st.integers(0),
    st.text(),
)
def test_a_message_lies_in_its_queue_as_it_was(
    body: str,
    attributes: dict[str, Any],
    sent: int,
    group: str,
    key: str,
    sequence: str,
    trace: str,
    n: int,
    arn: str,
) -> None:
    kept = stored_attributes(attributes)
    message = Message("id", body, sent, "sender", kept, group, key, sequence, trace, n % 2**31, arn)
    assert decode(encode(message)) == message


@given(TEXTS, st.integers(0, 2**43))
def test_a_plain_message_is_the_same_made_quickly(body: str, sent: int) -> None:
    assert decode(PlainMessages(sent, "sender").encode("id", body.encode())) == Message(
        "id", body, sent, "sender"
    )


IDS = st.integers(0, 2**63 - 1)


@given(st.builds(Receipt, IDS, IDS, IDS), st.from_regex(r"sqs/[a-z]{1,5}/[0-9a-f]{12}", fullmatch=True))
def test_a_receipt_handle_is_read_by_its_own_queue_only(receipt: Receipt, queue: str) -> None:
    handle = write_receipt(queue, receipt)
    assert read_receipt(queue, handle) == receipt
    assert read_receipt(queue + "0", handle) is None


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.b64encode(raw).decode())))
def test_what_somebody_made_up_is_no_receipt_handle(handle: str) -> None:
    assert read_receipt("sqs/q/1", handle) is None


@pytest.mark.parametrize("text", ["q -1 1 1", "q 1 1", "q 1 1 1 1", "q 9223372036854775808 1 1", "q a 1 1"])
def test_numbers_that_no_handle_has(text: str) -> None:
    assert read_receipt("q", base64.b64encode(text.encode()).decode()) is None
