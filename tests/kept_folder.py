"""Fills a data folder with something of everything, and looks whether it is all there.

`tests/data` keeps such folders as earlier versions wrote them, packed by `python tests/kept_folder.py FILE`: what one
version kept, the next one finds.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from nodes import RunningNode

ACCOUNT = "000000000000"
TEMPLATE = {
    "Resources": {
        "Inbox": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "stack-inbox"}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "kept-role",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": "sts:AssumeRole",
                        }
                    ],
                },
            },
        },
    },
    "Outputs": {"Url": {"Value": {"Ref": "Inbox"}}},
}


def event(number: int) -> dict[str, Any]:
    return {
        "Source": "shop",
        "DetailType": "Order",
        "EventBusName": "orders",
        "Detail": json.dumps({"n": number}),
    }


def code() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return {'kept': event}\n")
    return packed.getvalue()


def fill(node: RunningNode) -> None:
    cloudformation, sqs, sns = (node.client(name) for name in ("cloudformation", "sqs", "sns"))
    events, s3, logs = (node.client(name) for name in ("events", "s3", "logs"))
    cloudformation.create_stack(
        StackName="kept", TemplateBody=json.dumps(TEMPLATE), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    cloudformation.get_waiter("stack_create_complete").wait(StackName="kept", WaiterConfig={"Delay": 1})
    node.client("lambda").create_function(
        FunctionName="kept",
        Runtime="python3.11",
        Handler="app.handler",
        Role=f"arn:aws:iam::{ACCOUNT}:role/kept-role",
        Code={"ZipFile": code()},
        Environment={"Variables": {"KEPT": "b"}},
    )
    policy = {
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": ["events.amazonaws.com", "sns.amazonaws.com"]},
                "Action": "sqs:SendMessage",
                "Resource": "*",
            }
        ]
    }
    queue = sqs.create_queue(QueueName="kept", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    fifo = sqs.create_queue(QueueName="kept.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for number in range(3):
        sqs.send_message(
            QueueUrl=fifo, MessageBody=str(number), MessageGroupId="g", MessageDeduplicationId=str(number)
        )
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:kept"
    topic = sns.create_topic(Name="kept")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="published")
    events.create_event_bus(Name="orders")
    bus = events.describe_event_bus(Name="orders")["Arn"]
    events.create_archive(ArchiveName="kept", EventSourceArn=bus)
    events.put_rule(Name="kept", EventBusName="orders", EventPattern='{"source": ["shop"]}')
    events.put_targets(Rule="kept", EventBusName="orders", Targets=[{"Id": "q", "Arn": arn}])
    events.put_rule(Name="hourly", ScheduleExpression="rate(1 hour)", State="DISABLED")
    assert events.put_events(Entries=[event(1), event(2)])["FailedEntryCount"] == 0
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration={"Status": "Enabled"})
    for body in (b"first", b"second"):
        s3.put_object(Bucket="kept", Key="a/b", Body=body, Metadata={"m": "1"})
    logs.create_log_group(logGroupName="kept")
    logs.create_log_stream(logGroupName="kept", logStreamName="s")
    assert queue


def check(node: RunningNode) -> None:
    """Everything is as `fill` left it, and works."""
    cloudformation, sqs, events = (node.client(name) for name in ("cloudformation", "sqs", "events"))
    (stack,) = cloudformation.describe_stacks(StackName="kept")["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["Outputs"][0]["OutputValue"].endswith("/stack-inbox")
    function = node.client("lambda").get_function_configuration(FunctionName="kept")
    assert function["Environment"]["Variables"] == {"KEPT": "b"}
    reply = node.client("lambda").invoke(FunctionName="kept", Payload=b"[1]")
    assert json.load(reply["Payload"]) == {"kept": [1]}
    queue = sqs.get_queue_url(QueueName="kept")["QueueUrl"]
    bodies = sorted(message["Body"] for message in received(sqs, queue, 3))
    details = [json.loads(body)["detail"]["n"] for body in bodies if body.startswith("{")]
    assert (sorted(details), bodies[0]) == ([1, 2], "published")
    fifo = sqs.get_queue_url(QueueName="kept.fifo")["QueueUrl"]
    assert [message["Body"] for message in received(sqs, fifo, 3)] == ["0", "1", "2"]
    assert [
        rule["Name"] for rule in events.list_rules(EventBusName="orders", NamePrefix="kept")["Rules"]
    ] == ["kept"]
    assert events.describe_archive(ArchiveName="kept")["State"] == "ENABLED"
    assert events.put_events(Entries=[event(3)])["FailedEntryCount"] == 0
    (message,) = received(sqs, queue, 1)
    assert json.loads(message["Body"])["detail"] == {"n": 3}
    s3 = node.client("s3")
    found = s3.get_object(Bucket="kept", Key="a/b")
    assert (found["Body"].read(), found["Metadata"]) == (b"second", {"m": "1"})
    assert len(s3.list_object_versions(Bucket="kept")["Versions"]) == 2
    (group,) = node.client("logs").describe_log_groups(logGroupNamePrefix="kept")["logGroups"]
    assert group["logGroupName"] == "kept"
    cloudformation.delete_stack(StackName="kept")
    cloudformation.get_waiter("stack_delete_complete").wait(StackName="kept", WaiterConfig={"Delay": 1})


def received(sqs: Any, url: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        reply = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        assert reply.get("Messages"), f"{len(found)} of {count} messages came"
        found += reply["Messages"]
    return found


def main(file: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        node = RunningNode(data=Path(name) / "data")
        try:
            fill(node)
        finally:
            assert node.stop() == 0
        with tarfile.open(file, "w:gz") as packed:
            packed.add(Path(name) / "data", "data")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
