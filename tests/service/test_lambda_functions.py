"""Lambda by boto3: functions made, changed, invoked and gone, over the wire."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambda_rig import allow, code, function_role, trust
from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]
ECHO = """
import json
def handler(event, context):
    print("got", json.dumps(event))
    if event.get("fail"):
        raise ValueError("asked to")
    return {"event": event, "arn": context.invoked_function_arn, "id": context.aws_request_id}
"""


@pytest.fixture
def functions(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def role(client: Client) -> str:
    document = json.dumps(trust("lambda.amazonaws.com"))
    name = f"role-{uuid4().hex[:8]}"
    made = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)
    allow(client("iam"), name, "sqs:*", "sns:*", "events:*", "s3:*", "lambda:*", "logs:*")
    return str(made["Role"]["Arn"])


@pytest.fixture
def name(functions: Any, role: str) -> str:
    """A function that answers with its event, or fails when that says so."""
    made = f"echo-{uuid4().hex[:8]}"
    functions.create_function(
        FunctionName=made,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code(ECHO)},
    )
    functions.get_waiter("function_active_v2").wait(
        FunctionName=made, WaiterConfig={"Delay": 1, "MaxAttempts": 5}
    )
    return made


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_the_code_can_be_downloaded_and_changed(functions: Any, name: str) -> None:
    location = functions.get_function(FunctionName=name)["Code"]["Location"]
    with urllib.request.urlopen(location) as reply:
        assert reply.read() == code(ECHO)
    new = functions.update_function_code(FunctionName=name, ZipFile=code("def handler(e, c): return 'new'\n"))
    functions.get_waiter("function_updated_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 5}
    )
    assert functions.get_function(FunctionName=name)["Configuration"]["CodeSha256"] == new["CodeSha256"]
    assert json.load(functions.invoke(FunctionName=name)["Payload"]) == "new"


def test_the_answer_and_the_log_of_an_invocation(functions: Any, client: Client, name: str) -> None:
    reply = functions.invoke(FunctionName=name, Payload=b'{"a": 1}', LogType="Tail")
    answer = json.load(reply["Payload"])
    assert answer["event"] == {"a": 1}
    assert answer["id"] == reply["ResponseMetadata"]["RequestId"]
    assert (reply["StatusCode"], reply["ExecutedVersion"], "FunctionError" in reply) == (
        200,
        "$LATEST",
        False,
    )
    log = base64.b64decode(reply["LogResult"]).decode()
    assert f"START RequestId: {answer['id']} Version: $LATEST" in log
    assert 'got {"a": 1}' in log
    logs = client("logs")

    def lines() -> list[str]:
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern='"got"')
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"].rstrip() for event in found["events"]]

    assert wait_for(lines) == ['got {"a": 1}']


def test_an_error_of_the_function(functions: Any, name: str) -> None:
    reply = functions.invoke(FunctionName=name, Payload=b'{"fail": true}')
    assert (reply["StatusCode"], reply["FunctionError"]) == (200, "Unhandled")
    error = json.load(reply["Payload"])
    assert (error["errorType"], error["errorMessage"]) == ("ValueError", "asked to")


def test_an_event_arrives_and_its_outcome_at_the_destination(
    functions: Any, client: Client, name: str, role: str
) -> None:
    listener = f"listener-{uuid4().hex[:8]}"
    arn = functions.create_function(
        FunctionName=listener,
        Runtime="python3.12",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code(ECHO)},
    )["FunctionArn"]
    functions.put_function_event_invoke_config(
        FunctionName=name,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnSuccess": {"Destination": arn}, "OnFailure": {"Destination": arn}},
    )
    reply = functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"fail": true}')
    assert reply["StatusCode"] == 202
    logs = client("logs")

    def told() -> list[str]:
        try:
            found = logs.filter_log_events(logGroupName=f"/aws/lambda/{listener}", filterPattern='"got"')
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in found["events"]]

    (line,) = wait_for(told)
    record = json.loads(line.removeprefix("got "))
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["requestId"] == reply["ResponseMetadata"]["RequestId"]
    assert record["responsePayload"]["errorMessage"] == "asked to"


def test_a_destination_gets_payloads_as_they_are(functions: Any, client: Client, name: str) -> None:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    functions.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": arn}}
    )
    deep = "[" * 400 + "12345678901234567890.5" + "]" * 400
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=f'{{"n":{deep}}}'.encode())
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert f'"requestPayload":{{"n":{deep}}}' in message["Body"]
    assert '"responsePayload":{"event": {"n": [[' in message["Body"]


def test_versions_and_aliases(functions: Any, name: str) -> None:
    assert functions.publish_version(FunctionName=name)["Version"] == "1"
    alias = functions.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    answer = json.load(functions.invoke(FunctionName=f"{name}:live", Payload=b"{}")["Payload"])
    assert answer["arn"] == alias["AliasArn"]
    assert functions.invoke(FunctionName=name, Qualifier="1")["ExecutedVersion"] == "1"
    listed = functions.list_versions_by_function(FunctionName=name)["Versions"]
    assert [version["Version"] for version in listed] == ["$LATEST", "1"]


def test_a_policy(functions: Any, name: str) -> None:
    functions.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="events.amazonaws.com"
    )
    policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}
    functions.remove_permission(FunctionName=name, StatementId="s")
    assert refused(functions.get_policy, FunctionName=name) == ("ResourceNotFoundException", 404)


def test_a_deleted_function_is_gone(functions: Any, name: str) -> None:
    assert name in [
        one["FunctionName"]
        for page in functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 1})
        for one in page["Functions"]
    ]
    functions.delete_function(FunctionName=name)
    assert refused(functions.get_function, FunctionName=name) == ("ResourceNotFoundException", 404)
    assert refused(functions.invoke, FunctionName=name) == ("ResourceNotFoundException", 404)


@pytest.mark.parametrize(
    ("operation", "params", "error"),
    [
        ("invoke", {"Payload": b"{no json"}, ("InvalidRequestContentException", 400)),
        ("invoke", {"Payload": b'"' + b"x" * 6_291_455 + b'"'}, ("RequestTooLargeException", 413)),
        ("update_function_code", {"ZipFile": b"no zip"}, ("InvalidParameterValueException", 400)),
        ("update_function_configuration", {"Timeout": 901}, ("ValidationException", 400)),
        ("update_function_configuration", {"Runtime": "ruby3.3"}, ("NotImplementedException", 501)),
        ("update_function_configuration", {"RevisionId": "no"}, ("PreconditionFailedException", 412)),
        ("get_function_url_config", {}, ("ResourceNotFoundException", 404)),
    ],
)
def test_refused(
    functions: Any, name: str, operation: str, params: dict[str, Any], error: tuple[str, int]
) -> None:
    before = functions.get_function_configuration(FunctionName=name)
    assert refused(getattr(functions, operation), FunctionName=name, **params) == error
    after = functions.get_function_configuration(FunctionName=name)
    assert {**before, "ResponseMetadata": 0} == {**after, "ResponseMetadata": 0}


def test_no_concurrency_throttles(functions: Any, name: str) -> None:
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    assert refused(functions.invoke, FunctionName=name) == ("TooManyRequestsException", 429)
    functions.delete_function_concurrency(FunctionName=name)
    assert functions.invoke(FunctionName=name)["StatusCode"] == 200


SLOW = """
import time
def handler(event, context):
    print("begun", flush=True)
    time.sleep(event["seconds"])
    print("ended")
"""


def test_a_stop_in_the_middle_of_an_asynchronous_invocation_is_no_failure_of_the_function(
    tmp_path: Path,
) -> None:
    """With no retries that would be its end; as after a crash, the next start repeats the attempt."""

    def logged(node: RunningNode, word: str) -> list[str]:
        logs = node.client("logs")
        try:
            found = logs.filter_log_events(logGroupName="/aws/lambda/slow", filterPattern=word)
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [str(event["message"]) for event in found["events"]]

    first = RunningNode(tmp_path)
    try:
        functions = first.client("lambda")
        functions.create_function(
            FunctionName="slow",
            Runtime="python3.12",
            Handler="app.handler",
            Role=function_role(first.client("iam")),
            Timeout=30,
            Code={"ZipFile": code(SLOW)},
        )
        functions.get_waiter("function_active_v2").wait(
            FunctionName="slow", WaiterConfig={"Delay": 1, "MaxAttempts": 5}
        )
        functions.put_function_event_invoke_config(FunctionName="slow", MaximumRetryAttempts=0)
        functions.invoke(FunctionName="slow", InvocationType="Event", Payload=b'{"seconds": 4}')
        wait_for(lambda: logged(first, "begun"))
    finally:
        assert first.stop() == 0
    second = RunningNode(tmp_path)
    try:
        wait_for(lambda: logged(second, "ended"))
    finally:
        assert second.stop() == 0
