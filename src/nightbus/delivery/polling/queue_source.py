"""Reads records from an SQS queue, as a role that may.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from nightbus.aws.calls import Call, Caller, Operations, Scope
from nightbus.delivery.polling.records import SourceRecord
from nightbus.messaging.queue import queue_address, url_path

_PER_CALL = 10  # messages: the most that one call of SQS takes


class QueueSource:
    """Implements `nightbus.delivery.polling.poller.Source`.

    `role` says as whom the queue is called, anew for each call, and raises AwsError where nobody may; `scope` is where
    the calls are made, `endpoint` the node's base URL.
    """

    def __init__(
        self,
        operations: Operations,
        scope: Scope,
        queue_arn: str,
        endpoint: str,
        role: Callable[[], Awaitable[Caller]],
    ) -> None:
        address = queue_address(queue_arn)
        assert address is not None
        self.name = queue_arn
        self._operations = operations
        self._scope = scope
        self._url = endpoint + url_path(*address)
        self._endpoint = endpoint
        self._role = role

    async def receive(self, limit: int, wait: int) -> list[SourceRecord]:
        """At most ten, waiting up to `wait` seconds for the first one. Raises AwsError."""
        request = {
            "MaxNumberOfMessages": min(limit, _PER_CALL),
            "WaitTimeSeconds": wait,
            "MessageSystemAttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        }
        reply = await self._call("ReceiveMessage", request)
        return [record_of(message, self.name) for message in reply.get("Messages") or ()]

    async def finish(self, records: Sequence[SourceRecord]) -> None:
        """The messages are deleted. Raises what a call raises, after all were tried: each that is deleted does not come
        again."""
        await self._for_each("DeleteMessageBatch", records, {})

    async def give_back(self, records: Sequence[SourceRecord]) -> None:
        """The messages are visible to others at once. Raises what a call raises, after all were tried."""
        await self._for_each("ChangeMessageVisibilityBatch", records, {"VisibilityTimeout": 0})

    async def _for_each(
        self, operation: str, records: Sequence[SourceRecord], settings: Mapping[str, Any]
    ) -> None:
        failure: Exception | None = None
        for start in range(0, len(records), _PER_CALL):
            entries = [
                {"Id": str(at), "ReceiptHandle": record["receiptHandle"], **settings}
                for at, record in enumerate(records[start : start + _PER_CALL])
            ]
            try:
                await self._call(operation, {"Entries": entries})
            except Exception as refused:  # AWS's, or the store's
                failure = refused
        if failure is not None:
            raise failure

    async def _call(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        call = Call(self._scope, await self._role(), self._endpoint)
        return await self._operations.call("sqs", operation, {"QueueUrl": self._url, **request}, call)


def record_of(message: Mapping[str, Any], queue_arn: str) -> SourceRecord:
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
