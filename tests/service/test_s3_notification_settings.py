"""Notification configurations that S3 refuses, and those of a stack's bucket."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from notification_queue import ACCOUNT, Queue, configure, policy, refusal, to_queue


@pytest.fixture
def s3(client: Callable[..., Any]) -> Any:
    return client("s3")


@pytest.fixture
def sqs(client: Callable[..., Any]) -> Any:
    return client("sqs")


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"b-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def queue(sqs: Any, bucket: str) -> Queue:
    return Queue(sqs, bucket)


def test_a_configuration_is_refused_with_the_text_of_s3(s3: Any, bucket: str, sqs: Any, queue: Queue) -> None:
    created = ["s3:ObjectCreated:*"]

    def filtered(name: str, value: str) -> dict[str, Any]:
        return {"Filter": {"Key": {"FilterRules": [{"Name": name, "Value": value}]}}}

    ambiguous = "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the"
    absent = "A specified destination ARN does not exist or is not well-formed. Verify the destination ARN."
    for parts, message in [
        ([{"QueueArn": "queue", "Events": created}], absent),
        (
            [{"QueueArn": queue.arn.replace("us-east-1", "eu-west-1"), "Events": created}],
            "A specified destination is in a different region than the bucket.",
        ),
        (
            [to_queue(queue, "s3:ObjectCreated:*"), to_queue(queue, "s3:ObjectCreated:Put")],
            "Configurations overlap. Configurations on the same bucket cannot share a common event type.",
        ),
        (
            [to_queue(queue, *created, **filtered("prefix", "a")), to_queue(queue, *created)],
            ambiguous,
        ),
        ([to_queue(queue, *created, Id="x"), to_queue(queue, "s3:ObjectRemoved:*", Id="x")], "Same ID used"),
        (
            [to_queue(queue, *created, **filtered("suffix", "a" * 1025))],
            "Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation",
        ),
    ]:
        error = refusal(configure, s3=s3, bucket=bucket, QueueConfigurations=parts)
        assert error["Code"] == "InvalidArgument" and error["Message"].startswith(message), parts
    fifo = f"f-{uuid.uuid4().hex[:8]}.fifo"
    sqs.create_queue(QueueName=fifo, Attributes={"FifoQueue": "true"})
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:{fifo}"
    error = refusal(
        configure, s3=s3, bucket=bucket, QueueConfigurations=[{"QueueArn": arn, "Events": created}]
    )
    assert error["Message"] == "Unable to validate the following destination configurations"
    assert "FIFO" in error["ArgumentValue1"]
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": f"{arn}x", "Events": created}]},
        SkipDestinationValidation=True,
    )
    configure(s3, bucket)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)


def test_what_is_returned_may_be_put_again(s3: Any, bucket: str, queue: Queue) -> None:
    rules = [{"Name": "suffix", "Value": ".csv"}]
    part = to_queue(queue, "s3:ObjectCreated:*", Filter={"Key": {"FilterRules": rules}})
    configure(s3, bucket, QueueConfigurations=[part], EventBridgeConfiguration={})
    kept = s3.get_bucket_notification_configuration(Bucket=bucket)
    del kept["ResponseMetadata"]
    configure(s3, bucket, **kept)
    again = s3.get_bucket_notification_configuration(Bucket=bucket)
    del again["ResponseMetadata"]
    assert again == kept


def test_a_stack_configures_the_notifications_of_its_bucket(
    s3: Any, client: Callable[..., Any], sqs: Any
) -> None:
    name = f"n-{uuid.uuid4().hex[:10]}"
    template = {
        "Resources": {
            "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": name}},
            "Allow": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {
                    "Queues": [{"Ref": "Queue"}],
                    "PolicyDocument": json.loads(policy(name, "sqs:SendMessage")),
                },
            },
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "DependsOn": "Allow",
                "Properties": {
                    "BucketName": name,
                    "NotificationConfiguration": {
                        "EventBridgeConfiguration": {"EventBridgeEnabled": "true"},
                        "QueueConfigurations": [
                            {
                                "Event": "s3:ObjectCreated:*",
                                "Queue": {"Fn::GetAtt": ["Queue", "Arn"]},
                                "Filter": {"S3Key": {"Rules": [{"Name": "suffix", "Value": ".csv"}]}},
                            }
                        ],
                    },
                },
            },
        }
    }
    stacks = client("cloudformation")
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    kept = s3.get_bucket_notification_configuration(Bucket=name)
    assert kept["EventBridgeConfiguration"] == {}
    assert kept["QueueConfigurations"][0]["Events"] == ["s3:ObjectCreated:*"]
    del template["Resources"]["Bucket"]["Properties"]["NotificationConfiguration"]  # type: ignore[attr-defined]
    stacks.update_stack(StackName=name, TemplateBody=json.dumps(template))
    stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=name)
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
