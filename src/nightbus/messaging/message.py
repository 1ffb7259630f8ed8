"""Encodes a message as it lies in its queue: a line of JSON about it, then the body as it came.

The body is not escaped into the JSON, since it is most of the bytes and nobody looks into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Message:
    """`attributes` as SendMessage took them, binary values in base64; `sent` is UTC ms.

    `received` counts what other queues delivered before this one; `source` is the ARN of the queue that gave it up.
    `signature_version` is that of a notification whose body gets its signature when the message is received. `key` is
    what the queue that took the message named as its key of KMS: it stays the message's when the queue has another key
    or none, and in another queue.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-server-side-encryption.html
    """

    id: str
    body: str
    sent: int
    sender: str
    attributes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    group: str = ""
    deduplication: str = ""
    sequence: str = ""
    trace: str = ""
    received: int = 0
    source: str = ""
    signature_version: str = ""
    key: str = ""


_SHORT = {
    "attributes": "a",
    "group": "g",
    "deduplication": "d",
    "sequence": "q",
    "trace": "x",
    "received": "n",
    "source": "o",
    "signature_version": "v",
    "key": "k",
}


def encode(message: Message) -> bytes:
    head: dict[str, Any] = {"i": message.id, "t": message.sent, "s": message.sender}
    for name, short in _SHORT.items():
        value = getattr(message, name)
        if value:
            head[short] = value
    return orjson.dumps(head) + b"\n" + message.body.encode()


class PlainMessages:
    """The same for messages that have nothing else, sent together."""

    def __init__(self, sent: int, sender: str) -> None:
        self._rest = b'","t":%d,"s":%b}\n' % (sent, orjson.dumps(sender))

    def encode(self, message_id: str, body: bytes) -> bytes:
        return b'{"i":"%b%b%b' % (message_id.encode(), self._rest, body)


def decode(data: bytes) -> Message:
    line, _, body = data.partition(b"\n")
    head = orjson.loads(line)
    further = {name: head[short] for name, short in _SHORT.items() if short in head}
    return Message(head["i"], body.decode(), head["t"], head["s"], **further)
