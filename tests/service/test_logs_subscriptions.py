"""Subscription filters: what is written to a group reaches the function, also through a kill of the node."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambda_rig import code, function_role
from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]
# The function writes down in its log what it got.
CODE = """
def handler(event, context):
    print("GOT", event["awslogs"]["data"])
"""


@pytest.fixture
def group(node: RunningNode) -> str:
    name = f"/app/{uuid4().hex[:8]}"
    node.client("logs").create_log_group(logGroupName=name)
    node.client("logs").create_log_stream(logGroupName=name, logStreamName="one")
    return name


def make_function(client: Client, name: str, permitted: bool = True) -> str:
    made = client("lambda").create_function(
        FunctionName=name,
        Role=function_role(client("iam")),
        Code={"ZipFile": code(CODE)},
        Runtime="python3.12",
        Handler="app.handler",
    )
    if permitted:
        permit(client, name)
    client("lambda").get_waiter("function_active_v2").wait(
        FunctionName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
    )
    return str(made["FunctionArn"])


def permit(client: Client, name: str) -> None:
    client("lambda").add_permission(
        FunctionName=name, StatementId="logs", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com"
    )


def write(client: Client, group: str, *messages: str, stream: str = "one") -> None:
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages]
    client("logs").put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)


def received(client: Client, function: str) -> list[dict[str, Any]]:
    """The messages that the function got, by its own log."""
    try:
        lines = client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function}", filterPattern="GOT")
    except client("logs").exceptions.ResourceNotFoundException:
        return []
    texts = [line["message"].split()[-1] for line in lines["events"]]
    return [json.loads(gzip.decompress(base64.b64decode(text))) for text in texts]


def texts(client: Client, function: str) -> list[str]:
    return [event["message"] for one in received(client, function) for event in one["logEvents"]]


def put(client: Client, group: str, function: str, name: str = "errors", pattern: str = "ERROR") -> None:
    client("logs").put_subscription_filter(
        logGroupName=group, filterName=name, filterPattern=pattern, destinationArn=function
    )


def test_matching_events_reach_the_function(node: RunningNode, group: str) -> None:
    client, name = node.client, f"f-{uuid4().hex[:8]}"
    write(client, group, "ERROR of before")
    put(client, group, make_function(client, name))
    write(client, group, "all is well", "ERROR: one", "ERROR: two")
    wait_for(lambda: len(texts(client, name)) == 2)
    (message,) = received(client, name)
    events = message.pop("logEvents")
    assert message == {
        "messageType": "DATA_MESSAGE",
        "owner": "000000000000",
        "logGroup": group,
        "logStream": "one",
        "subscriptionFilters": ["errors"],
    }
    assert [event["message"] for event in events] == ["ERROR: one", "ERROR: two"]
    stored = client("logs").filter_log_events(logGroupName=group, filterPattern="?one ?two")["events"]
    assert [event["id"] for event in events] == [one["eventId"] for one in stored]


def test_what_a_function_writes_is_subscribed_to(node: RunningNode) -> None:
    client, source, name = node.client, f"s-{uuid4().hex[:8]}", f"f-{uuid4().hex[:8]}"
    make_function(client, source, permitted=False)
    arn, logs = make_function(client, name), f"/aws/lambda/{source}"
    client("logs").create_log_group(logGroupName=logs)
    put(client, logs, arn, pattern="GOT")
    client("lambda").invoke(FunctionName=source, Payload=json.dumps({"awslogs": {"data": "x"}}))
    wait_for(lambda: [text.strip() for text in texts(client, name)] == ["GOT x"])
    with pytest.raises(ClientError, match="is reserved for the function logs of the destination function"):
        put(client, f"/aws/lambda/{name}", arn)


def test_refusals_and_deletion(node: RunningNode, group: str) -> None:
    client, name = node.client, f"f-{uuid4().hex[:8]}"
    logs = client("logs")
    arn = make_function(client, name, permitted=False)
    with pytest.raises(ClientError, match="Could not execute the lambda function"):
        put(client, group, arn)
    permit(client, name)
    with pytest.raises(ClientError, match="not supported"):
        put(client, group, "arn:aws:kinesis:us-east-1:000000000000:stream/s")
    with pytest.raises(ClientError, match="Invalid destination ARN"):
        put(client, group, "nonsense")
    with pytest.raises(ClientError, match="The specified log group does not exist"):
        put(client, "/none", arn)
    put(client, group, arn)
    put(client, group, arn, "all", "")
    with pytest.raises(ClientError, match="Resource limit exceeded"):
        put(client, group, arn, "third")
    found = logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"]
    assert [(one["filterName"], one["filterPattern"]) for one in found] == [("all", ""), ("errors", "ERROR")]
    logs.delete_subscription_filter(logGroupName=group, filterName="all")
    with pytest.raises(ClientError, match="The specified subscription filter does not exist"):
        logs.delete_subscription_filter(logGroupName=group, filterName="all")
    logs.delete_log_group(logGroupName=group)
    logs.create_log_group(logGroupName=group)
    assert logs.describe_subscription_filters(logGroupName=group)["subscriptionFilters"] == []


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[list[RunningNode]]:
    """A node with a data folder, in a list so that a test can replace it."""
    nodes = [RunningNode(data=tmp_path / "data")]
    yield nodes
    nodes[0].stop()


def test_nothing_is_lost_by_a_kill(durable: list[RunningNode], tmp_path: Path) -> None:
    client, group = durable[0].client, "/app"
    client("logs").create_log_group(logGroupName=group)
    client("logs").create_log_stream(logGroupName=group, logStreamName="one")
    put(client, group, make_function(client, "f"))
    write(client, group, "ERROR: first")
    wait_for(lambda: texts(client, "f") == ["ERROR: first"])
    for number in range(20):
        write(client, group, f"ERROR: {number}")
    durable[0].kill()
    durable[0] = RunningNode(data=tmp_path / "data")
    client = durable[0].client
    write(client, group, "ERROR: last")
    wait_for(lambda: "ERROR: last" in texts(client, "f"))
    wanted = {"ERROR: first", *(f"ERROR: {number}" for number in range(20)), "ERROR: last"}
    wait_for(lambda: set(texts(client, "f")) == wanted)
