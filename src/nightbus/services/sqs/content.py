"""Checks the content and the size of messages, and computes their checksums.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.sqs.errors import invalid_parameter

Attributes = dict[str, dict[str, str]]

_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NAME = re.compile(r"[A-Za-z0-9_\-.]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MOST_ATTRIBUTES = 10
_LONGEST_NAME = 256
_TYPES = ("String", "Number", "Binary")


def check_text(text: str) -> None:
    """Raise AwsError InvalidMessageContents for characters that SQS does not allow."""
    if text.isascii() and text.isprintable():
        return
    if _NOT_ALLOWED.search(text):
        raise AwsError(
            "InvalidMessageContents",
            "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF |"
            " #xE000 to #xFFFD | #x10000 to #x10FFFF",
        )


def stored_attributes(attributes: Mapping[str, Mapping[str, Any]]) -> Attributes:
    """Return message attributes in the form in which a message is stored. Raises AwsError with SQS's texts."""
    if len(attributes) > _MOST_ATTRIBUTES:
        raise invalid_parameter(
            f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{_MOST_ATTRIBUTES}]."
        )
    return {name: _attribute(name, value) for name, value in attributes.items()}


def _attribute(name: str, value: Mapping[str, Any]) -> dict[str, str]:
    _check_name(name)
    kind = value.get("DataType") or ""
    base = kind.partition(".")[0]
    if not kind:
        raise invalid_parameter(
            f"The message attribute '{name}' must contain a non-empty message attribute type."
        )
    if base not in _TYPES:
        raise invalid_parameter(
            f"The message attribute '{name}' has an invalid message attribute type, the set of supported type"
            " prefixes is Binary, Number, and String."
        )
    if value.get("StringListValues") or value.get("BinaryListValues"):
        raise AwsError(
            "UnsupportedOperation",
            "Message attribute list values in SendMessage operation are not supported.",
        )
    member = "BinaryValue" if base == "Binary" else "StringValue"
    content = value.get(member)
    if not content:
        raise invalid_parameter(
            f"Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
        )
    if base == "Binary":
        return {"DataType": kind, "BinaryValue": base64.b64encode(content).decode()}
    check_text(content)
    if base == "Number" and not _NUMBER.fullmatch(content):
        raise invalid_parameter(f"Can't cast the value of message (user) attribute '{name}' to a number.")
    return {"DataType": kind, "StringValue": content}


def _check_name(name: str) -> None:
    reserved = name.lower().startswith(("aws.", "amazon."))
    dots = name.startswith(".") or name.endswith(".") or ".." in name
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME or reserved or dots:
        raise invalid_parameter(f"The message (user) attribute name '{name}' is invalid.")


def binary(value: Mapping[str, str]) -> bytes | None:
    encoded = value.get("BinaryValue")
    return None if encoded is None else base64.b64decode(encoded)


def message_size(body: str, attributes: Attributes) -> int:
    """Return the number of bytes that count against the queue's MaximumMessageSize."""
    total = len(body) if body.isascii() else len(body.encode())
    for name, value in attributes.items():
        content = binary(value) or value.get("StringValue", "").encode()
        total += len(name.encode()) + len(value["DataType"].encode()) + len(content)
    return total


def request_size(body: str, attributes: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the same number for attributes in the form of a request, which need not have been checked."""
    total = message_size(body, {})
    for name, value in attributes.items():
        content = value.get("BinaryValue") or (value.get("StringValue") or "").encode("utf-8", "replace")
        total += len(name.encode()) + len((value.get("DataType") or "").encode()) + len(content)
    return total


def md5_of_body(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: Mapping[str, Mapping[str, str]]) -> str | None:
    """Return the MD5 over AWS's encoding: sorted names, each part after its length. None without attributes."""
    if not attributes:
        return None
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        value = attributes[name]
        content = binary(value)
        for part in (name.encode(), value["DataType"].encode()):
            digest.update(len(part).to_bytes(4, "big") + part)
        kind, data = (b"\x01", value["StringValue"].encode()) if content is None else (b"\x02", content)
        digest.update(kind + len(data).to_bytes(4, "big") + data)
    return digest.hexdigest()
