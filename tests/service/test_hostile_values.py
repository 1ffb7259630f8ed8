"""What a caller says, in headers above all, stays data: it forges no event, no header and no payload."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambda_rig import code, trust
from nodes import RunningNode

Client = Callable[..., Any]
FORGED = 'eu","source":"aws.trusted","account":"999999999999'


def send(
    node: RunningNode, path: str, body: bytes, region: str, service: str, **headers: str
) -> tuple[int, str]:
    scope = f"000000000000/20260101/{region}/{service}/aws4_request"
    named = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    try:
        connection.request("POST", path, body, named)
        reply = connection.getresponse()
        return reply.status, reply.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "region", [FORGED, "eu%d", "eu%s%n", "EU", "../eu", "eu\\u0022", "x" * 40, "eu.west"]
)
@pytest.mark.parametrize(
    ("service", "target", "body"),
    [
        ("events", "AWSEvents.PutEvents", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}),
        ("sqs", "AmazonSQS.ListQueues", {}),
        ("logs", "Logs_20140328.DescribeLogGroups", {}),
    ],
)
def test_the_region_of_the_credential_is_a_region(
    node: RunningNode, region: str, service: str, target: str, body: dict[str, Any]
) -> None:
    status, text = send(
        node,
        "/",
        json.dumps(body).encode(),
        region,
        service,
        X_Amz_Target=target,
        Content_Type="application/x-amz-json-1.1",
    )
    refusals = {
        403: "Credential should be scoped to a valid region.",
        400: "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.",
    }
    assert json.loads(text)["message"] == refusals[status]


def test_a_region_in_a_presigned_query_forges_no_event(node: RunningNode, client: Client) -> None:
    scope = f"000000000000/20260101/{FORGED}/events/aws4_request"
    parts = {
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": scope,
        "X-Amz-Date": "20990101T000000Z",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Signature": "0",
    }
    entry = {"Source": "s", "DetailType": "d", "Detail": "{}"}
    connection = http.client.HTTPConnection("127.0.0.1", node.port, timeout=30)
    try:
        connection.request(
            "POST",
            f"/?{urlencode(parts)}",
            json.dumps({"Entries": [entry]}),
            {"X-Amz-Target": "AWSEvents.PutEvents", "Content-Type": "application/x-amz-json-1.1"},
        )
        reply = connection.getresponse()
        assert reply.status == 403
        assert b"Credential should be scoped to a valid region." in reply.read()
    finally:
        connection.close()


@pytest.fixture
def function(client: Client) -> str:
    """A function that answers with its event, its context's client context and its trace header."""
    name = f"echo-{uuid4().hex[:8]}"
    role = client("iam").create_role(
        RoleName=name, AssumeRolePolicyDocument=json.dumps(trust("lambda.amazonaws.com"))
    )["Role"]["Arn"]
    source = """
import os
def handler(event, context):
    custom = context.client_context and context.client_context.custom
    return {"event": event, "custom": custom, "trace": os.environ.get("_X_AMZN_TRACE_ID", "")}
"""
    functions = client("lambda")
    functions.create_function(
        FunctionName=name,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code(source)},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return name


@pytest.mark.parametrize(
    "header", ["Root=1\r\n\r\n{}", "Root=1", "garbage", 'Root=1-5759e988-bd862e3fe1be46a9942;"']
)
def test_a_trace_header_does_not_choose_what_a_function_gets(
    node: RunningNode, client: Client, function: str, header: str
) -> None:
    """By PutEvents, since HTTP itself keeps line breaks out of a request's header."""
    events, sqs, functions = client("events"), client("sqs"), client("lambda")
    queue = sqs.create_queue(QueueName=function)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(
        QueueUrl=queue,
        Attributes={
            "Policy": json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "events.amazonaws.com"},
                            "Action": "sqs:SendMessage",
                            "Resource": arn,
                        }
                    ],
                }
            )
        },
    )
    events.put_rule(Name=function, EventPattern=json.dumps({"source": [function]}))
    events.put_targets(Rule=function, Targets=[{"Id": "q", "Arn": arn}])
    entry = {"Source": function, "DetailType": "d", "Detail": "{}", "TraceHeader": header}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    received = sqs.receive_message(
        QueueUrl=queue, WaitTimeSeconds=10, MessageSystemAttributeNames=["AWSTraceHeader"]
    )["Messages"][0]
    assert "AWSTraceHeader" not in received.get("Attributes", {}), received["Attributes"]
    if "\r" not in header:
        body = json.dumps({"own": True}).encode()
        _, text = send(
            node,
            f"/2015-03-31/functions/{function}/invocations",
            body,
            "us-east-1",
            "lambda",
            X_Amzn_Trace_Id=header,
        )
        answer = json.loads(text)
        assert (answer["event"], answer["trace"].startswith("Root=1-")) == ({"own": True}, True)
    context = base64.b64encode(b'{"custom":\r\n\r\n{"a": "\\r\\n\\r\\n{}"}}').decode()
    reply = functions.invoke(FunctionName=function, ClientContext=context, Payload=b'{"own": true}')
    answer = json.load(reply["Payload"])
    assert (answer["event"], answer["custom"]) == ({"own": True}, {"a": "\r\n\r\n{}"})


@pytest.mark.parametrize("header", ["Root=1\r\nX: y", "none", "Root=1-5759e988-bd862e3fe1be46a994272793\n"])
def test_a_messages_trace_header_is_one(client: Client, header: str) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=f"traced-{uuid4().hex[:8]}")["QueueUrl"]
    attribute = {"AWSTraceHeader": {"DataType": "String", "StringValue": header}}
    with pytest.raises(ClientError, match="is not an X-Ray trace header") as refused:
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageSystemAttributes=attribute)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_policy_of_stars_stops_nobody(client: Client) -> None:
    """Each condition is judged when another account sends; a backtracking engine would never end."""
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=f"stars-{uuid4().hex[:8]}")["QueueUrl"]
    statement = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "sqs:*",
        "Resource": "*",
        "Condition": {"StringLike": {"aws:PrincipalArn": "*a" * 20 + "b" + "*:*" * 20}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    other = client("sqs", account="111111111111")
    with pytest.raises(ClientError, match="AccessDenied"):
        other.send_message(QueueUrl=url, MessageBody="x")
