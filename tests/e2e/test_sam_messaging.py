"""SAM's SQS, SNS, S3 and EventBridgeRule events, with dead-letter queues and destinations, by the real `sam`."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nodes import RunningNode
from shop import RUNTIME
from waiting import wait_for

STACK = "messaging"


@pytest.fixture(scope="module")
def outputs(node: RunningNode, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("messaging") / "app"
    shutil.copytree(Path(__file__).parent / "messaging", folder)
    template = folder / "template.yaml"
    template.write_text(template.read_text().replace("python3.11", RUNTIME))
    deploy = ["sam", "deploy", "--stack-name", STACK, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"]
    for command in (["sam", "build"], [*deploy, "--no-confirm-changeset"]):
        done = subprocess.run(
            command, cwd=folder, env=node.environment(), capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
    (stack,) = node.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def got(node: RunningNode, function: str) -> list[dict[str, Any]]:
    logs, group = node.client("logs"), f"/aws/lambda/{function}"
    if not logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]:
        return []
    found = logs.filter_log_events(logGroupName=group, filterPattern="GOT")["events"]
    return [json.loads(event["message"].removeprefix("GOT ")) for event in found]


def received(node: RunningNode, url: str) -> list[dict[str, Any]]:
    found = node.client("sqs").receive_message(
        QueueUrl=url, WaitTimeSeconds=2, MessageAttributeNames=["All"], MaxNumberOfMessages=10
    )
    messages: list[dict[str, Any]] = found.get("Messages", [])
    return messages


def test_a_queue_feeds_its_function(node: RunningNode, outputs: dict[str, str]) -> None:
    sqs = node.client("sqs")
    for kind in ("other", "order"):
        sqs.send_message(QueueUrl=outputs["Orders"], MessageBody=json.dumps({"kind": kind}))
    (event,) = wait_for(lambda: got(node, outputs["FromQueue"]))
    assert [record["body"] for record in event["Records"]] == ['{"kind": "order"}']


def test_a_topic_reaches_functions_directly_and_by_a_queue(
    node: RunningNode, outputs: dict[str, str]
) -> None:
    sns = node.client("sns")
    for region in ("south", "north"):
        attributes = {"region": {"DataType": "String", "StringValue": region}}
        sns.publish(TopicArn=outputs["News"], Message=region, MessageAttributes=attributes)
    (event,) = wait_for(lambda: got(node, outputs["FromTopic"]))
    assert [record["Sns"]["Message"] for record in event["Records"]] == ["north"]

    def by_queue() -> list[str]:
        records = [record for one in got(node, outputs["FromTopicByQueue"]) for record in one["Records"]]
        found = sorted(json.loads(record["body"])["Message"] for record in records)
        return found if len(found) == 2 else []

    assert wait_for(by_queue) == ["north", "south"]


def test_a_rule_reaches_its_function_and_the_outcome_its_destinations(
    node: RunningNode, outputs: dict[str, str]
) -> None:
    sqs, events = node.client("sqs"), node.client("events")
    (config,) = node.client("lambda").list_function_event_invoke_configs(FunctionName=outputs["FromBus"])[
        "FunctionEventInvokeConfigs"
    ]
    queue = config["DestinationConfig"]["OnSuccess"]["Destination"].rpartition(":")[2]
    succeeded = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    entry = {"Source": "shop", "DetailType": "Placed", "EventBusName": "messaging"}
    for detail in ({"order": 1}, {"fail": True}):
        events.put_events(Entries=[{**entry, "Detail": json.dumps(detail)}])
    (told,) = wait_for(lambda: received(node, succeeded))
    record = json.loads(told["Body"])
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestPayload"]["detail"] == {"order": 1}

    def failure() -> list[str]:
        records = [record for one in got(node, outputs["FromTopicByQueue"]) for record in one["Records"]]
        return [
            body for body in (json.loads(one["body"])["Message"] for one in records) if "Exhausted" in body
        ]

    (text,) = wait_for(failure)
    assert json.loads(text)["requestContext"]["condition"] == "RetriesExhausted"


def test_what_a_rule_cannot_deliver_is_in_its_dead_letter_queue(
    node: RunningNode, outputs: dict[str, str]
) -> None:
    functions, events = node.client("lambda"), node.client("events")
    for statement in json.loads(functions.get_policy(FunctionName=outputs["FromBus"])["Policy"])["Statement"]:
        functions.remove_permission(FunctionName=outputs["FromBus"], StatementId=statement["Sid"])
    detail = json.dumps({"order": 2})
    entry = {"Source": "shop", "DetailType": "Placed", "EventBusName": "messaging", "Detail": detail}
    events.put_events(Entries=[entry])
    (dead,) = wait_for(lambda: received(node, outputs["DeadLetters"]))
    assert json.loads(dead["Body"])["detail"] == {"order": 2}
    attributes = {name: value["StringValue"] for name, value in dead["MessageAttributes"].items()}
    assert attributes["ERROR_CODE"] == "NO_PERMISSIONS"
    assert attributes["TARGET_ARN"].endswith(f":function:{outputs['FromBus']}")
    assert ":rule/messaging/" in attributes["RULE_ARN"]


def test_a_bucket_feeds_its_function(node: RunningNode, outputs: dict[str, str]) -> None:
    s3 = node.client("s3")
    for key in ("notes.txt", "a b.jpg"):
        s3.put_object(Bucket=outputs["Photos"], Key=key, Body=b"")
    (event,) = wait_for(lambda: got(node, outputs["FromBucket"]))
    assert [one["s3"]["object"]["key"] for one in event["Records"]] == ["a+b.jpg"]
