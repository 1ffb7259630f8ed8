"""SQS as older SDKs speak to it: forms with AWS's documented names in, XML that botocore's own parser reads out."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

import orjson
import pytest
from botocore.model import ServiceModel

import botocore_side as client
from nightbus.aws.errors import AwsError
from nightbus.gateway.catalogue import Catalogue
from nightbus.gateway.models import load_service
from nightbus.gateway.protocols import PROTOCOLS
from nightbus.gateway.query_compatible import older_model, speaking_query
from nightbus.gateway.request import WireRequest, parse_query
from nightbus.gateway.routing import Routes, Unroutable
from nightbus.gateway.sqs_refusals import refusal

OLDER: Any = ServiceModel(older_model("sqs"), "sqs")
TODAY = load_service("sqs")
FORM = "application/x-www-form-urlencoded; charset=utf-8"
URL = "http://127.0.0.1:4566/000000000000/q"
NAMESPACE = "{http://queue.amazonaws.com/doc/2012-11-05/}"
# Both lists of system attributes have one name on the wire.
DOUBLED = {"ReceiveMessage": ("AttributeNames", "MessageSystemAttributeNames")}


@pytest.fixture(scope="module")
def routes() -> Routes:
    return Routes(Catalogue.read())


def form(fields: dict[str, str], path: str = "/", method: str = "POST", signed: bool = True) -> WireRequest:
    """The fields' names have `_` where the wire has a dot."""
    text = urlencode({name.replace("_", "."): value for name, value in fields.items()})
    headers = {"host": "127.0.0.1:4566"}
    if signed:
        scope = "AKID/20260101/us-east-1/sqs/aws4_request"
        headers["authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    if method == "GET":
        return WireRequest("GET", path, parse_query(text)[0], headers)
    return WireRequest("POST", path, {}, {**headers, "content-type": FORM}, text.encode())


def parsed(routes: Routes, wire: WireRequest) -> tuple[str, dict[str, Any]]:
    route = routes.find(wire)
    assert route.operation.service.name == "sqs"
    return route.operation.name, PROTOCOLS[route.protocol].parse(route.operation, wire)


@pytest.mark.parametrize("name", OLDER.operation_names)
def test_every_operation_means_what_an_older_botocore_meant(name: str, routes: Routes) -> None:
    operation = OLDER.operation_model(name)
    params = client.filled(operation.input_shape)
    if name in DOUBLED:
        for member in DOUBLED[name]:
            params[member] = ["All"]
    found = parsed(routes, client.request(OLDER, operation, params, "query"))
    assert found == (name, client.comparable(params))


@pytest.mark.parametrize("name", OLDER.operation_names)
def test_every_reply_is_read_as_it_was_meant(name: str) -> None:
    operation = OLDER.operation_model(name)
    output = client.filled(operation.output_shape) if operation.output_shape else {}
    response = PROTOCOLS["sqs-query"].serialize(speaking_query(TODAY).operations[name], output, "an-id")
    found = client.parsed(operation, response, "query")
    assert found.pop("ResponseMetadata")["RequestId"] == "an-id"
    assert client.comparable(found) == client.comparable(output)


@pytest.mark.parametrize(
    ("fields", "params"),
    [
        (
            {"Action": "CreateQueue", "QueueName": "q", "Attribute_1_Name": "DelaySeconds", "Attribute_1_Value": "5",
             "Tag_1_Key": "team", "Tag_1_Value": "a"},
            {"QueueName": "q", "Attributes": {"DelaySeconds": "5"}, "tags": {"team": "a"}},
        ),
        (
            {"Action": "SetQueueAttributes", "QueueUrl": URL, "Attribute_Name": "DelaySeconds", "Attribute_Value": "5"},
            {"QueueUrl": URL, "Attributes": {"DelaySeconds": "5"}},
        ),
        (
            {"Action": "SendMessage", "QueueUrl": URL, "MessageBody": "a b+ü", "DelaySeconds": "7",
             "MessageAttribute_1_Name": "n", "MessageAttribute_1_Value_DataType": "Number",
             "MessageAttribute_1_Value_StringValue": "5", "MessageAttribute_2_Name": "b",
             "MessageAttribute_2_Value_DataType": "Binary", "MessageAttribute_2_Value_BinaryValue": "AP8=",
             "MessageSystemAttribute_1_Name": "AWSTraceHeader", "MessageSystemAttribute_1_Value_DataType": "String",
             "MessageSystemAttribute_1_Value_StringValue": "Root=1"},
            {"QueueUrl": URL, "MessageBody": "a b+ü", "DelaySeconds": 7,
             "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "5"},
                                   "b": {"DataType": "Binary", "BinaryValue": b"\x00\xff"}},
             "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}},
        ),
        (
            {"Action": "SendMessageBatch", "QueueUrl": URL, "SendMessageBatchRequestEntry_2_Id": "two",
             "SendMessageBatchRequestEntry_2_MessageBody": "b", "SendMessageBatchRequestEntry_1_Id": "one",
             "SendMessageBatchRequestEntry_1_MessageBody": "a",
             "SendMessageBatchRequestEntry_1_MessageAttribute_1_Name": "n",
             "SendMessageBatchRequestEntry_1_MessageAttribute_1_Value_DataType": "String",
             "SendMessageBatchRequestEntry_1_MessageAttribute_1_Value_StringValue": "v"},
            {"QueueUrl": URL, "Entries": [
                {"Id": "one", "MessageBody": "a",
                 "MessageAttributes": {"n": {"DataType": "String", "StringValue": "v"}}},
                {"Id": "two", "MessageBody": "b"}]},
        ),
        (
            {"Action": "ReceiveMessage", "QueueUrl": URL, "MaxNumberOfMessages": "5", "AttributeName": "All",
             "MessageAttributeName_1": "a", "MessageAttributeName_2": "b.*"},
            {"QueueUrl": URL, "MaxNumberOfMessages": 5, "AttributeNames": ["All"],
             "MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["a", "b.*"]},
        ),
        (
            {"Action": "DeleteMessageBatch", "QueueUrl": URL, "DeleteMessageBatchRequestEntry_1_Id": "x",
             "DeleteMessageBatchRequestEntry_1_ReceiptHandle": "h="},
            {"QueueUrl": URL, "Entries": [{"Id": "x", "ReceiptHandle": "h="}]},
        ),
        (
            {"Action": "ChangeMessageVisibilityBatch", "QueueUrl": URL,
             "ChangeMessageVisibilityBatchRequestEntry_1_Id": "x",
             "ChangeMessageVisibilityBatchRequestEntry_1_ReceiptHandle": "h",
             "ChangeMessageVisibilityBatchRequestEntry_1_VisibilityTimeout": "45"},
            {"QueueUrl": URL, "Entries": [{"Id": "x", "ReceiptHandle": "h", "VisibilityTimeout": 45}]},
        ),
        (
            {"Action": "AddPermission", "QueueUrl": URL, "Label": "l", "AWSAccountId_1": "125074342641",
             "ActionName_1": "SendMessage", "ActionName_2": "ReceiveMessage"},
            {"QueueUrl": URL, "Label": "l", "AWSAccountIds": ["125074342641"],
             "Actions": ["SendMessage", "ReceiveMessage"]},
        ),
        (
            {"Action": "UntagQueue", "QueueUrl": URL, "TagKey_1": "a", "TagKey_2": "b"},
            {"QueueUrl": URL, "TagKeys": ["a", "b"]},
        ),
        ({"Action": "SendMessageBatch", "QueueUrl": URL}, {"QueueUrl": URL, "Entries": []}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_the_documented_names_of_parameters(
    method: str, fields: dict[str, str], params: dict[str, Any], routes: Routes
) -> None:
    assert parsed(routes, form(fields, method=method)) == (fields["Action"], params)


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("path", ["/000000000000/q", "/000000000000/q/"])
def test_the_path_names_the_queue_unless_a_parameter_does(method: str, path: str, routes: Routes) -> None:
    for signed in (True, False):
        wire = form({"Action": "PurgeQueue", "Version": "2012-11-05"}, path, method, signed)
        assert parsed(routes, wire) == ("PurgeQueue", {"QueueUrl": f"http://127.0.0.1:4566{path}"})
    wire = form({"Action": "PurgeQueue", "QueueUrl": URL + "2"}, path, method)
    assert parsed(routes, wire) == ("PurgeQueue", {"QueueUrl": URL + "2"})
    assert parsed(routes, form({"Action": "ListQueues"}, path, method)) == ("ListQueues", {})


def test_a_query_string_signed_by_version_2_names_the_service_by_its_version(routes: Routes) -> None:
    fields = {
        "Action": "ListQueues",
        "Version": "2012-11-05",
        "AWSAccessKeyId": "AKID",
        "SignatureVersion": "2",
    }
    wire = form(fields, method="GET", signed=False)
    assert parsed(routes, wire) == ("ListQueues", {})
    assert wire.authorization.access_key == "AKID"


def test_what_is_no_operation_is_refused_in_xml(routes: Routes) -> None:
    for fields, code in (({"Action": "Nothing"}, "InvalidAction"), ({"QueueName": "q"}, "MissingAction")):
        with pytest.raises(Unroutable) as caught:
            routes.find(form(fields))
        refused = caught.value
        response = PROTOCOLS[refused.protocol].serialize_error(refused.service, refused.error, "an-id")
        assert isinstance(response.body, bytes)
        root = ElementTree.fromstring(response.body)
        assert root.tag == f"{NAMESPACE}ErrorResponse"
        assert root.findtext(f"{NAMESPACE}Error/{NAMESPACE}Code") == code


def test_the_form_of_a_reply() -> None:
    received = {"MessageId": "m", "Body": "a\r\n<b>", "Attributes": {"SenderId": "s", "SentTimestamp": "1"}}
    operation = speaking_query(TODAY).operations["ReceiveMessage"]
    response = PROTOCOLS["sqs-query"].serialize(operation, {"Messages": [received, received]}, "an-id")
    assert response.headers["content-type"] == "text/xml"
    assert isinstance(response.body, bytes)
    root = ElementTree.fromstring(response.body)
    assert root.tag == f"{NAMESPACE}ReceiveMessageResponse"
    messages = root.findall(f"{NAMESPACE}ReceiveMessageResult/{NAMESPACE}Message")
    assert [one.findtext(f"{NAMESPACE}Body") for one in messages] == ["a\r\n<b>"] * 2
    pairs = [
        [one.findtext(NAMESPACE + part) for part in ("Name", "Value")]
        for one in messages[0].findall(f"{NAMESPACE}Attribute")
    ]
    assert pairs == [["SenderId", "s"], ["SentTimestamp", "1"]]
    assert root.findtext(f"{NAMESPACE}ResponseMetadata/{NAMESPACE}RequestId") == "an-id"


CODES = [
    ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", "com.amazonaws.sqs#QueueDoesNotExist"),
    ("QueueNameExists", "QueueAlreadyExists", "com.amazonaws.sqs#QueueNameExists"),
    ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", "com.amazonaws.sqs#EmptyBatchRequest"),
    ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", "com.amazonaws.sqs#ReceiptHandleIsInvalid"),
    ("InvalidParameterValue", "InvalidParameterValue", "com.amazon.coral.service#InvalidParameterValueException"),
    ("MissingParameter", "MissingParameter", "com.amazon.coral.service#MissingRequiredParameterException"),
]  # fmt: skip


@pytest.mark.parametrize(("code", "query_code", "json_type"), CODES)
def test_an_error_has_its_older_code_in_both_protocols(code: str, query_code: str, json_type: str) -> None:
    error = AwsError(code, "No.", 403)
    response = PROTOCOLS["sqs-query"].serialize_error(speaking_query(TODAY), error, "an-id")
    operation = OLDER.operation_model("SendMessage")
    found = client.parsed(operation, response, "query")
    assert (found["Error"]["Code"], found["Error"]["Type"]) == (query_code, "Sender")
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 403
    response = PROTOCOLS["json"].serialize_error(TODAY, error, "an-id")
    assert isinstance(response.body, bytes)
    assert orjson.loads(response.body) == {"__type": json_type, "message": "No."}
    assert response.headers["x-amzn-query-error"] == f"{query_code};Sender"
    found = client.parsed(client.service("sqs").operation_model("SendMessage"), response, "json")
    assert found["Error"]["Code"] == query_code
    assert found["Error"]["QueryErrorCode"] == json_type.rpartition("#")[2]


def test_a_fault_of_ours_is_the_receivers_and_others_services_have_no_older_codes() -> None:
    failure = AwsError("InternalFailure", "Oh.", 500)
    response = PROTOCOLS["json"].serialize_error(TODAY, failure, "an-id")
    assert response.headers["x-amzn-query-error"] == "InternalFailure;Receiver"
    response = PROTOCOLS["json"].serialize_error(load_service("events"), failure, "an-id")
    assert "x-amzn-query-error" not in response.headers
    assert isinstance(response.body, bytes)
    assert orjson.loads(response.body)["__type"] == "InternalFailure"


@pytest.mark.parametrize(
    ("operation", "params", "told"),
    [
        ("SendMessage", {"QueueUrl": URL}, ("MissingParameter", "The request must contain the parameter MessageBody.")),
        (
            "SendMessageBatch",
            {"QueueUrl": URL, "Entries": [{"Id": "1", "MessageBody": "a"}, {"Id": "2"}]},
            (
                "MissingParameter",
                "The request must contain the parameter SendMessageBatchRequestEntry.2.MessageBody.",
            ),
        ),
        (
            "GetQueueAttributes",
            {"QueueUrl": URL, "AttributeNames": ["All", "Colour"]},
            ("InvalidAttributeName", "Unknown Attribute Colour."),
        ),
        ("SendMessage", {"QueueUrl": URL, "MessageBody": "a"}, None),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_model_is_refused_in_the_words_of_sqs(
    operation: str, params: dict[str, Any], told: tuple[str, str] | None
) -> None:
    shape = TODAY.operations[operation].input
    assert shape is not None
    refused = refusal(shape, params)
    assert told == (refused and (refused.code, refused.message))
