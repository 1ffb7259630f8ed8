"""SQS for older SDKs and tools: forms and query strings in, XML out. Plain HTTP, since today's SDKs speak JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlencode, urlsplit
from uuid import uuid4
from xml.etree import ElementTree

import pytest

VERSION = "2012-11-05"
NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"
ACCOUNT = "000000000000"
SCOPE = f"{ACCOUNT}/20260101/us-east-1/sqs/aws4_request"
SIGNED = {"Authorization": f"AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders=host, Signature=0"}
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Reply:
    """XML without its namespace; every answer has to have the right one."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.root = ElementTree.fromstring(body)
        assert all(element.tag.startswith(NAMESPACE) for element in self.root.iter())
        for element in self.root.iter():
            element.tag = element.tag.removeprefix(NAMESPACE)
        self.name = self.root.tag

    def text(self, path: str) -> str:
        found = self.root.findtext(path)
        assert found is not None, path
        return found

    def texts(self, path: str) -> list[str]:
        return [element.text or "" for element in self.root.findall(path)]

    def pairs(self, path: str, key: str = "Name", value: str = "Value") -> dict[str, str]:
        return {one.findtext(key, ""): one.findtext(value, "") for one in self.root.findall(path)}


Ask = Callable[..., Reply]


@pytest.fixture(params=["POST", "GET"])
def ask(request: pytest.FixtureRequest, node: Any) -> Ask:
    """`ask("SendMessage", url_or_path, MessageBody="a")`; `_` in a name stands for a dot."""

    def asking(action: str, url: str = "/", **fields: Any) -> Reply:
        named = {name.replace("_", "."): value for name, value in fields.items()}
        text = urlencode({"Action": action, **named, "Version": VERSION})
        path = urlsplit(url).path
        connection = HTTPConnection("127.0.0.1", node.port, timeout=30)
        try:
            if request.param == "GET":
                connection.request("GET", f"{path}?{text}", headers=SIGNED)
            else:
                connection.request("POST", path, text, {**FORM, **SIGNED})
            response = connection.getresponse()
            assert response.getheader("content-type") == "text/xml"
            return Reply(response.status, response.read())
        finally:
            connection.close()

    return asking


@pytest.fixture
def url(ask: Ask) -> str:
    made = ask("CreateQueue", QueueName=f"queue-{uuid4().hex[:12]}")
    assert (made.status, made.name) == (200, "CreateQueueResponse")
    return made.text("CreateQueueResult/QueueUrl")


def test_a_queue_by_its_own_url(ask: Ask, url: str, node: Any) -> None:
    name = url.rpartition("/")[2]
    assert url == f"{node.endpoint}/{ACCOUNT}/{name}"
    assert ask("GetQueueUrl", QueueName=name).text("GetQueueUrlResult/QueueUrl") == url
    assert ask("ListQueues", QueueNamePrefix=name).texts("ListQueuesResult/QueueUrl") == [url]
    given = {"Attribute_1_Name": "DelaySeconds", "Attribute_1_Value": "1"}
    reply = ask("SetQueueAttributes", url, Attribute_2_Name="VisibilityTimeout", Attribute_2_Value=7, **given)
    assert reply.name == "SetQueueAttributesResponse"
    assert [one.tag for one in reply.root] == ["ResponseMetadata"]
    assert len(reply.text("ResponseMetadata/RequestId")) == 36
    shown = ask(
        "GetQueueAttributes", url, AttributeName_1="DelaySeconds", AttributeName_2="VisibilityTimeout"
    )
    pairs = shown.pairs("GetQueueAttributesResult/Attribute")
    assert pairs == {"DelaySeconds": "1", "VisibilityTimeout": "7"}
    everything = ask("GetQueueAttributes", AttributeName="All", QueueUrl=url)
    assert everything.pairs("GetQueueAttributesResult/Attribute")["QueueArn"].endswith(f":{ACCOUNT}:{name}")
    ask("TagQueue", url, Tag_1_Key="a", Tag_1_Value="1 & 2", Tag_2_Key="b", Tag_2_Value="")
    ask("UntagQueue", url, TagKey_1="b")
    assert ask("ListQueueTags", url).pairs("ListQueueTagsResult/Tag", "Key") == {"a": "1 & 2"}
    ask("AddPermission", url, Label="l", AWSAccountId_1="111111111111", ActionName_1="SendMessage")
    policy = ask("GetQueueAttributes", url, AttributeName_1="Policy").pairs(
        "GetQueueAttributesResult/Attribute"
    )
    assert json.loads(policy["Policy"])["Statement"][0]["Sid"] == "l"
    assert ask("RemovePermission", url, Label="l").status == 200
    assert ask("PurgeQueue", url).status == 200
    again = ask("PurgeQueue", url)
    assert (again.status, again.text("Error/Code")) == (403, "AWS.SimpleQueueService.PurgeQueueInProgress")
    assert ask("DeleteQueue", url).status == 200
    gone = ask("DeleteQueue", url)
    assert (gone.status, gone.name) == (400, "ErrorResponse")
    assert gone.text("Error/Type") == "Sender"
    assert gone.text("Error/Code") == "AWS.SimpleQueueService.NonExistentQueue"
    assert gone.text("Error/Message") == "The specified queue does not exist for this wsdl version."
    assert [one.tag for one in gone.root] == ["Error", "RequestId"]


def test_a_message_by_the_queues_url(ask: Ask, url: str) -> None:
    body = 'ünïcode\r\n<a> & "b"'
    attribute = {
        "MessageAttribute_1_Name": "bytes",
        "MessageAttribute_1_Value_DataType": "Binary",
        "MessageAttribute_1_Value_BinaryValue": "AP8=",
        "MessageSystemAttribute_1_Name": "AWSTraceHeader",
        "MessageSystemAttribute_1_Value_DataType": "String",
        "MessageSystemAttribute_1_Value_StringValue": TRACE,
    }
    sent = ask("SendMessage", url, MessageBody=body, **attribute)
    assert sent.text("SendMessageResult/MD5OfMessageBody") == hashlib.md5(body.encode()).hexdigest()
    assert ask("ReceiveMessage", url, QueueUrl=url + "x").status == 400  # the parameter counts, not the path
    received = ask("ReceiveMessage", url, AttributeName_1="All", MessageAttributeName_1="bytes")
    message = "ReceiveMessageResult/Message"
    assert received.text(f"{message}/Body") == body
    assert received.text(f"{message}/MessageId") == sent.text("SendMessageResult/MessageId")
    md5 = sent.text("SendMessageResult/MD5OfMessageAttributes")
    assert received.text(f"{message}/MD5OfMessageAttributes") == md5
    assert received.text(f"{message}/MessageAttribute/Name") == "bytes"
    assert received.text(f"{message}/MessageAttribute/Value/BinaryValue") == "AP8="
    known = received.pairs(f"{message}/Attribute")
    assert (known["ApproximateReceiveCount"], known["AWSTraceHeader"]) == ("1", TRACE)
    handle = received.text(f"{message}/ReceiptHandle")
    assert ask("ChangeMessageVisibility", url, ReceiptHandle=handle, VisibilityTimeout=0).status == 200
    assert ask("ReceiveMessage", url).texts(f"{message}/Body") == [body]
    assert ask("DeleteMessage", url, ReceiptHandle=handle).name == "DeleteMessageResponse"
    empty = ask("ReceiveMessage", url)
    assert empty.root.find("ReceiveMessageResult") is not None
    assert empty.texts(message) == []


def test_batches(ask: Ask, url: str) -> None:
    entry = "SendMessageBatchRequestEntry"
    fields: dict[str, Any] = {}
    for at, body in enumerate(("a", "\x01", "c"), 1):
        fields |= {f"{entry}_{at}_Id": f"e{at}", f"{entry}_{at}_MessageBody": body}
    sent = ask("SendMessageBatch", url, **fields)
    result = "SendMessageBatchResult"
    assert sent.texts(f"{result}/SendMessageBatchResultEntry/Id") == ["e1", "e3"]
    assert sent.text(f"{result}/BatchResultErrorEntry/Id") == "e2"
    assert sent.text(f"{result}/BatchResultErrorEntry/Code") == "InvalidMessageContents"
    assert sent.text(f"{result}/BatchResultErrorEntry/SenderFault") == "true"
    received = ask("ReceiveMessage", url, MaxNumberOfMessages=10)
    handles = received.texts("ReceiveMessageResult/Message/ReceiptHandle")
    assert len(handles) == 2
    for action, more in (("ChangeMessageVisibility", {"VisibilityTimeout": 60}), ("DeleteMessage", {})):
        entry, fields = f"{action}BatchRequestEntry", {}
        for at, handle in enumerate([*handles, "made-up"], 1):
            fields |= {f"{entry}_{at}_Id": f"e{at}", f"{entry}_{at}_ReceiptHandle": handle}
            fields |= {f"{entry}_{at}_{name}": value for name, value in more.items()}
        reply = ask(f"{action}Batch", url, **fields)
        assert reply.texts(f"{action}BatchResult/{action}BatchResultEntry/Id") == ["e1", "e2"]
        assert reply.texts(f"{action}BatchResult/BatchResultErrorEntry/Code") == ["ReceiptHandleIsInvalid"]
    empty = ask("SendMessageBatch", url)
    assert empty.text("Error/Code") == "AWS.SimpleQueueService.EmptyBatchRequest"


def test_dead_letters_and_their_way_back(ask: Ask, url: str) -> None:
    arn = ask("GetQueueAttributes", url, AttributeName="QueueArn").text(
        "GetQueueAttributesResult/Attribute/Value"
    )
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    given = {"Attribute_1_Name": "RedrivePolicy", "Attribute_1_Value": policy}
    made = ask("CreateQueue", QueueName=f"queue-{uuid4().hex[:12]}", **given)
    source = made.text("CreateQueueResult/QueueUrl")
    assert ask("ListDeadLetterSourceQueues", url).texts("ListDeadLetterSourceQueuesResult/QueueUrl") == [
        source
    ]
    for body in "abcdefghij":  # ten seconds of moving
        ask("SendMessage", url, MessageBody=body)
    source_arn = arn.rpartition(":")[0] + ":" + source.rpartition("/")[2]
    started = ask(
        "StartMessageMoveTask", SourceArn=arn, DestinationArn=source_arn, MaxNumberOfMessagesPerSecond=1
    )
    handle = started.text("StartMessageMoveTaskResult/TaskHandle")
    listed = ask("ListMessageMoveTasks", SourceArn=arn)
    entry = "ListMessageMoveTasksResult/ListMessageMoveTasksResultEntry"
    assert listed.text(f"{entry}/TaskHandle") == handle
    assert listed.text(f"{entry}/Status") == "RUNNING"
    cancelled = ask("CancelMessageMoveTask", TaskHandle=handle)
    assert int(cancelled.text("CancelMessageMoveTaskResult/ApproximateNumberOfMessagesMoved")) < 10
    missing = ask("StartMessageMoveTask", SourceArn=arn + "x")
    assert (missing.status, missing.text("Error/Code")) == (404, "ResourceNotFoundException")


@pytest.mark.parametrize(
    ("action", "fields", "code", "message"),
    [
        ("SendMessage", {}, "MissingParameter", "The request must contain the parameter MessageBody."),
        (
            "GetQueueAttributes",
            {"AttributeName_1": "Colour"},
            "InvalidAttributeName",
            "Unknown Attribute Colour.",
        ),
        (
            "DeleteMessage",
            {"ReceiptHandle": "x"},
            "ReceiptHandleIsInvalid",
            'The input receipt handle "x" is not a valid receipt handle.',
        ),
        (
            "Nothing",
            {},
            "InvalidAction",
            "Could not find operation Nothing for version 2012-11-05",
        ),
    ],
)
def test_what_is_refused(
    ask: Ask, url: str, action: str, fields: dict[str, str], code: str, message: str
) -> None:
    refused = ask(action, url, **fields)
    assert refused.name == "ErrorResponse"
    assert (refused.text("Error/Code"), refused.text("Error/Message")) == (code, message)


def test_both_protocols_see_the_same_queue(ask: Ask, url: str, client: Callable[..., Any]) -> None:
    sqs = client("sqs")
    ask("SendMessage", url, MessageBody="by query")
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert message["Body"] == "by query"
    assert ask("DeleteMessage", url, ReceiptHandle=message["ReceiptHandle"]).status == 200
    sqs.send_message(QueueUrl=url, MessageBody="by json")
    assert ask("ReceiveMessage", url).texts("ReceiveMessageResult/Message/Body") == ["by json"]
