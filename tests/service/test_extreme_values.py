"""Numbers that are longer or larger than Python reads, and XML that declares entities: AWS's error, never a 500."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from nightbus.aws.pagination import encode_token
from raw_requests import SCOPE, send, signed

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
DIGITS = "9" * 4301  # `int` raises ValueError for more than 4,300
Request = tuple[str, str, bytes, dict[str, str]]


@pytest.fixture(scope="module")
def place(node: Any) -> Iterator[Any]:
    """The node with a bucket and a log group, both `extreme`, so that requests are read far enough."""
    node.client("s3").create_bucket(Bucket="extreme")
    node.client("logs").create_log_group(logGroupName="extreme")
    yield node
    assert not any("Traceback" in line for line in node.output)


def form(service: str, action: str, **fields: str) -> Request:
    versions = {"sqs": "2012-11-05", "sns": "2010-03-31", "sts": "2011-06-15", "cloudformation": "2010-05-15"}
    named = {name.replace("__", "."): value for name, value in fields.items()}
    body = urlencode({"Action": action, "Version": versions[service], **named}).encode()
    return "POST", "/", body, signed(service, **FORM)


def in_json(service: str, target: str, text: str) -> Request:
    headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
    return "POST", "/", text.encode(), signed(service, **headers)


def stack(properties: str, parameter: str = '{"Type": "String", "Default": "a"}') -> Request:
    """`LONG` stands for the long number."""
    queue = '{"Type": "AWS::SQS::Queue", "Properties": ' + properties + "}"
    text = '{"Parameters": {"P": ' + parameter + '}, "Resources": {"Q": ' + queue + "}}"
    name = f"s{uuid4().hex[:8]}"
    return form("cloudformation", "CreateStack", StackName=name, TemplateBody=text.replace("LONG", DIGITS))


def queue_with(attribute: str, value: str) -> Request:
    fields = {"Attribute__1__Name": attribute, "Attribute__1__Value": value}
    return form("sqs", "CreateQueue", QueueName="refused", **fields)


def redrive(count: str) -> Request:
    arn = "arn:aws:sqs:us-east-1:000000000000:q"
    return queue_with("RedrivePolicy", f'{{"maxReceiveCount": {count}, "deadLetterTargetArn": "{arn}"}}')


def presigned(**times: str) -> Request:
    parts = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": SCOPE.format("s3"),
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "0",
    }
    parts.update({f"X-Amz-{name}": value for name, value in times.items()})
    return "GET", f"/extreme/k?{urlencode(parts)}", b"", {}


def presigned_v2(expires: str) -> Request:
    return "GET", f"/extreme/k?AWSAccessKeyId=a&Signature=s&Expires={expires}", b"", {}


def chunks(length: str, body: bytes) -> Request:
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": length}
    return "PUT", "/extreme/k", body, signed("s3", **headers)


def filtered(token: str) -> Request:
    text = json.dumps({"logGroupName": "extreme", "nextToken": encode_token(token)})
    return in_json("logs", "Logs_20140328.FilterLogEvents", text)


ENTRY = {f"MessageAttributes__entry__{DIGITS}__Name": "a"}
SESSION = {"RoleArn": "arn:aws:iam::000000000000:role/r", "RoleSessionName": "abc"}
SELECT = '{"QueueName": {"Fn::Select": [1e999, ["a"]]}}'
HALF = r'{"QueueName": "\ud800"}'
HALF_A_NAME = r'{"\udc00": 1}'
HALF_A_COUNT = r'{"maxReceiveCount": "\ud800", "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}'
HALF_A_PATTERN = json.dumps({"Name": "r", "EventPattern": r'{"detail": {"a": [{"\ud800": 1}]}}'})
NULL_IN_A_MAP = (
    '{"QueueUrl": "http://a/000000000000/q", "MessageBody": "m", "MessageAttributes": {"a": null}}'
)
NULL_AS_A_TAG = '{"QueueName": "q", "tags": {"a": null}}'
CIDR = '{"QueueName": {"Fn::Select": [0, {"Fn::Cidr": ["10.0.0.0/8", 1e999, 8]}]}}'
LONG_MOST = '{"Type": "String", "Default": "a", "MaxLength": LONG}'
LARGE_MOST = '{"Type": "Number", "Default": 1, "MinValue": 2, "MaxValue": ' + "9" * 400 + "}"


@pytest.mark.parametrize(
    ("request_", "status", "told"),
    [
        (presigned_v2(DIGITS), 404, "NoSuchKey"),
        (presigned_v2("9" * 17), 404, "NoSuchKey"),
        (presigned(Date="99991231T235959Z", Expires="604800"), 404, "NoSuchKey"),
        (("GET", f"/extreme/k?partNumber={DIGITS}", b"", signed("s3")), 400, "is not a number"),
        (("GET", "/extreme?list-type=2&max-keys=1_0", b"", signed("s3")), 400, "is not a number"),
        (chunks(DIGITS, b"abc"), 400, "EntityTooLarge"),
        (chunks("8", b"-5\r\nabcdefgh\r\n0\r\n\r\n"), 400, "IncompleteBody"),
        (form("sns", "Publish", TopicArn="t", Message="a", **ENTRY), 400, "ValidationError"),
        (queue_with("DelaySeconds", DIGITS), 400, "InvalidAttributeValue"),
        (redrive(f'"{DIGITS}"'), 400, "maxReceiveCount"),
        (redrive("1e999"), 400, "maxReceiveCount"),
        (redrive(DIGITS), 400, "RedrivePolicy"),
        (queue_with("Policy", '{"Statement": ' + "[" * 30_000), 400, "InvalidAttributeValue"),
        (form("sts", "AssumeRole", DurationSeconds=DIGITS, **SESSION), 400, "is not a number"),
        (stack('{"DelaySeconds": LONG}'), 400, "too many digits"),
        (stack("{}", LONG_MOST), 400, "too many digits"),
        (stack("{}", LARGE_MOST), 400, "must have a number not less than 2"),
        (stack(HALF), 400, "half of a character"),
        (stack(HALF_A_NAME), 400, "half of a character"),
        (stack('{"DelaySeconds": ' + "9" * 30 + "}"), 200, "StackId"),
        (stack('{"Tags": [{"Key": "k", "Value": ' + "9" * 30 + "}]}"), 200, "StackId"),
        (stack('{"DelaySeconds": -1e999}'), 400, "expected type: Integer"),
        (queue_with("RedrivePolicy", HALF_A_COUNT), 400, "InvalidParameterValue"),
        (in_json("events", "AWSEvents.PutRule", HALF_A_PATTERN), 400, "InvalidEventPatternException"),
        (in_json("sqs", "AmazonSQS.SendMessage", NULL_IN_A_MAP), 400, "messageAttributes.a.member"),
        (in_json("sqs", "AmazonSQS.CreateQueue", NULL_AS_A_TAG), 400, "Member must not be null"),
        (stack(SELECT), 400, "valid index"),
        (stack(CIDR), 400, "Cidr"),
        (form("cloudformation", "ValidateTemplate", TemplateBody=f"Resources:\n  A: {DIGITS}\n"), 400, "4300 digits"),
        (filtered("x"), 400, "nextToken is invalid"),
        (filtered(f"{DIGITS}:1:logs/extreme:s"), 200, "[]"),
        (filtered("1:-2:logs/extreme:s"), 400, "nextToken is invalid"),
        (in_json("events", "AWSEvents.ListRules", '{"Limit": ' + DIGITS + "}"), 400, "SerializationException"),
        (("GET", f"/2015-03-31/functions?MaxItems={DIGITS}", b"", signed("lambda")), 400, "is not a number"),
    ],
)  # fmt: skip
def test_a_number_beyond_every_bound_is_a_clients_mistake(
    place: Any, request_: Request, status: int, told: str
) -> None:
    found, text = send(place, *request_)
    assert (found, told in text) == (status, True), text[:500]


def test_a_topics_size_is_a_number(place: Any) -> None:
    sns = place.client("sns")
    arn = sns.create_topic(Name="extreme")["TopicArn"]
    for value in (DIGITS, "²", "١٠٢٤"):
        with pytest.raises(ClientError, match="InvalidParameter"):
            sns.set_topic_attributes(TopicArn=arn, AttributeName="MaximumMessageSize", AttributeValue=value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_a_document_type_is_refused_in_every_encoding(place: Any, encoding: str) -> None:
    declared = "utf-16" if encoding.startswith("utf-16") else encoding
    text = f'<?xml version="1.0" encoding="{declared}"?><!DOCTYPE a [<!ENTITY b "Enabled">]>'
    text += "<VersioningConfiguration><Status>&b;</Status></VersioningConfiguration>"
    status, answer = send(place, "PUT", "/extreme?versioning", text.encode(encoding), signed("s3"))
    assert (status, "MalformedXML" in answer) == (400, True), answer
    assert place.client("s3").get_bucket_versioning(Bucket="extreme").get("Status") != "Enabled"


def test_text_that_shows_a_document_type_is_text(place: Any) -> None:
    body = (
        b"<VersioningConfiguration><!-- <!DOCTYPE a> --><Status>Suspended</Status></VersioningConfiguration>"
    )
    status, answer = send(place, "PUT", "/extreme?versioning", body, signed("s3"))
    assert status == 200, answer


@pytest.mark.parametrize("text", ["\0", "\x1b", "\ufffe", "\uffff", "\r\n"])
@pytest.mark.parametrize(
    ("service", "action", "field"),
    [
        ("cloudformation", "DescribeStacks", "StackName"),
        ("cloudformation", "NoAction{}", "StackName"),
        ("sns", "CreateTopic", "Name"),
        ("sts", "AssumeRole", "RoleArn"),
        ("sqs", "NoAction{}", "QueueName"),
    ],
)
def test_what_xml_cannot_say_leaves_an_error_well_formed(
    place: Any, service: str, action: str, field: str, text: str
) -> None:
    status, answer = send(place, *form(service, action.format(text), **{field: f"a{text}"}))
    assert (status, ElementTree.fromstring(answer).find(".//{*}Message") is not None) == (400, True)


def test_what_a_template_escapes_leaves_an_error_well_formed(place: Any) -> None:
    template = r'{"Resources": {"A": {"Type": "AWS::\u001b\ud800"}}}'
    for request in (
        form("cloudformation", "ValidateTemplate", TemplateBody=template),
        form("cloudformation", "CreateStack", StackName="escapes", TemplateBody=template),
    ):
        status, answer = send(place, *request)
        assert (status, ElementTree.fromstring(answer).find(".//{*}Message") is not None) == (400, True)
