"""Loops of functions are stopped after 16 invocations, over queues, topics and invocations, and not over buses."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from lambda_rig import allow, code, trust
from waiting import wait_for

Client = Callable[..., Any]
LOOP = """
import json, os
import boto3
TARGET, KIND = os.environ["TARGET"], os.environ["KIND"]
client = boto3.client(KIND)
def handler(event, context):
    print("ran")
    if KIND == "sqs":
        client.send_message(QueueUrl=TARGET, MessageBody="again")
    elif KIND == "sns":
        client.publish(TopicArn=TARGET, Message="again")
    elif KIND == "events":
        entry = {"EventBusName": TARGET, "Source": "loop", "DetailType": "again", "Detail": "{}"}
        client.put_events(Entries=[entry])
    else:
        client.invoke(FunctionName=TARGET or context.function_name, InvocationType="Event", Payload=b"{}")
"""
MOST = 16


@pytest.fixture
def functions(client: Client) -> Any:
    return client("lambda")


@pytest.fixture
def name(client: Client) -> str:
    return f"loop-{uuid4().hex[:8]}"


def create(client: Client, name: str, kind: str, target: str, **more: Any) -> str:
    document = json.dumps(trust("lambda.amazonaws.com"))
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    allow(client("iam"), name, "sqs:*", "sns:*", "events:*", "lambda:*", "s3:*", "logs:*")
    for policy in ("AmazonSQSFullAccess", "service-role/AWSLambdaSQSQueueExecutionRole"):
        client("iam").attach_role_policy(RoleName=name, PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    functions = client("lambda")
    made = functions.create_function(
        FunctionName=name,
        Runtime="python3.11",
        Handler="app.handler",
        Role=role,
        Code={"ZipFile": code(LOOP)},
        Environment={"Variables": {"TARGET": target, "KIND": kind}},
        Timeout=10,
        **more,
    )
    functions.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})
    return str(made["FunctionArn"])


def runs(client: Client, name: str) -> int:
    logs = client("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=f"/aws/lambda/{name}", filterPattern="ran"
        )
        return sum(len(page["events"]) for page in pages)
    except logs.exceptions.ResourceNotFoundException:
        return 0


def queue(client: Client, name: str, **attributes: str) -> tuple[str, str]:
    sqs = client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    return url, arn


def received(client: Client, url: str) -> list[Any]:
    messages: list[Any] = client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=1).get("Messages", [])
    return messages


def test_a_loop_of_invocations_ends_at_the_dead_letter_queue(
    functions: Any, client: Client, name: str
) -> None:
    url, arn = queue(client, f"{name}-dead")
    create(client, name, "lambda", "", DeadLetterConfig={"TargetArn": arn})
    assert functions.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b'{"first": 1}')
    assert wait_for(lambda: received(client, url))[0]["Body"] == "{}"
    wait_for(lambda: runs(client, name) == MOST)


def test_a_loop_of_two_functions_ends_at_the_dead_letter_queue(
    functions: Any, client: Client, name: str
) -> None:
    url, arn = queue(client, f"{name}-dead")
    other = f"{name}-other"
    create(client, name, "lambda", other, DeadLetterConfig={"TargetArn": arn})
    create(client, other, "lambda", name, DeadLetterConfig={"TargetArn": arn})
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    wait_for(lambda: received(client, url))
    wait_for(lambda: (runs(client, name), runs(client, other)) == (MOST, MOST))


def test_a_loop_over_a_queue_ends_at_its_dead_letter_queue(functions: Any, client: Client, name: str) -> None:
    dead, dead_arn = queue(client, f"{name}-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url, arn = queue(client, name, VisibilityTimeout="10", RedrivePolicy=redrive)
    create(client, name, "sqs", url)
    functions.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, BatchSize=1)
    client("sqs").send_message(QueueUrl=url, MessageBody="first")
    assert wait_for(lambda: received(client, dead), 40)[0]["Body"] == "again"
    wait_for(lambda: runs(client, name) == MOST)


def test_a_loop_over_a_topic_ends_at_the_failure_destination(
    functions: Any, client: Client, name: str
) -> None:
    url, arn = queue(client, f"{name}-failures")
    topic = client("sns").create_topic(Name=name)["TopicArn"]
    function = create(client, name, "sns", topic)
    functions.add_permission(
        FunctionName=name, StatementId="s", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com"
    )
    client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    functions.put_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    client("sns").publish(TopicArn=topic, Message="first")
    record = json.loads(wait_for(lambda: received(client, url), 40)[0]["Body"])
    assert record["requestContext"]["condition"] == "RecursiveInvocationException"
    assert record["requestPayload"]["Records"][0]["Sns"]["Message"] == "again"
    wait_for(lambda: runs(client, name) == MOST)


def test_a_loop_that_is_allowed_and_one_over_a_bus_go_on(functions: Any, client: Client, name: str) -> None:
    function = create(client, name, "lambda", "")
    functions.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")
    functions.invoke(FunctionName=name, InvocationType="Event", Payload=b"{}")
    wait_for(lambda: runs(client, name) > MOST + 2)
    functions.delete_function(FunctionName=name)

    over_bus, events = f"{name}-bus", client("events")
    events.create_event_bus(Name=name)
    function = create(client, over_bus, "events", name)
    events.put_rule(Name="r", EventBusName=name, EventPattern='{"source": ["loop"]}')
    events.put_targets(Rule="r", EventBusName=name, Targets=[{"Id": "1", "Arn": function}])
    functions.add_permission(
        FunctionName=over_bus,
        StatementId="s",
        Action="lambda:InvokeFunction",
        Principal="events.amazonaws.com",
    )
    functions.invoke(FunctionName=over_bus, InvocationType="Event", Payload=b"{}")
    wait_for(lambda: runs(client, over_bus) > MOST + 2)
    functions.delete_function(FunctionName=over_bus)


def test_when_a_runtime_may_change_is_kept(functions: Any, client: Client, name: str) -> None:
    arn = create(client, name, "lambda", "")
    config = functions.get_runtime_management_config(FunctionName=name)
    assert (config["UpdateRuntimeOn"], config["FunctionArn"]) == ("Auto", f"{arn}:$LATEST")
    version = functions.get_function_configuration(FunctionName=name)["RuntimeVersionConfig"]
    put = functions.put_runtime_management_config(
        FunctionName=name, UpdateRuntimeOn="Manual", RuntimeVersionArn=version["RuntimeVersionArn"]
    )
    assert put["RuntimeVersionArn"] == version["RuntimeVersionArn"]
    again = functions.get_runtime_management_config(FunctionName=name, Qualifier="$LATEST")
    assert again["UpdateRuntimeOn"] == "Manual"
    for wrong in (
        {"UpdateRuntimeOn": "Manual"},
        {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": version["RuntimeVersionArn"]},
        {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": version["RuntimeVersionArn"][:-4] + "0000"},
    ):
        with pytest.raises(functions.exceptions.InvalidParameterValueException):
            functions.put_runtime_management_config(FunctionName=name, **wrong)
