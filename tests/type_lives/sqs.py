"""The lives of the types of SQS."""

from __future__ import annotations

import json
from typing import Any

from type_lives import Drift, Life

QUEUE = {"Type": "AWS::SQS::Queue"}
AROUND = {"Queue": QUEUE, "Other": QUEUE}


def policy(action: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": "*", "Action": action, "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def allow_sending(client: Any, url: str) -> Any:
    attributes = {"Policy": json.dumps(policy("sqs:SendMessage"))}
    return client("sqs").set_queue_attributes(QueueUrl=url, Attributes=attributes)


LIVES = [
    Life(
        "AWS::SQS::Queue",
        {
            "VisibilityTimeout": "40",
            "RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3},
            "Tags": [{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}],
        },
        update={"VisibilityTimeout": 50, "DelaySeconds": 5},
        replacement={"QueueName": "NAME-other"},
        failing={"VisibilityTimeout": 99999},
        drift=Drift(
            lambda client, id, name: client("sqs").set_queue_attributes(
                QueueUrl=id, Attributes={"VisibilityTimeout": "7"}
            ),
            "/VisibilityTimeout",
        ),
        around={"Dead": QUEUE},
    ),
    Life(
        "AWS::SQS::QueuePolicy",
        {"Queues": [{"Ref": "Queue"}], "PolicyDocument": policy("sqs:SendMessage")},
        update={"PolicyDocument": policy("sqs:ReceiveMessage")},
        replacement=None,
        failing={"PolicyDocument": {"Statement": "nonsense"}},
        drift=Drift(
            lambda client, id, name: [
                allow_sending(client, url)
                for url in client("sqs").list_queues(QueueNamePrefix=f"{name}-Queue")["QueueUrls"]
            ],
            "/PolicyDocument/Statement/0/Action",
        ),
        around=AROUND,
    ),
    Life(
        "AWS::SQS::QueueInlinePolicy",
        {"Queue": {"Ref": "Queue"}, "PolicyDocument": policy("sqs:SendMessage")},
        update={"PolicyDocument": policy("sqs:ReceiveMessage")},
        replacement={"Queue": {"Ref": "Other"}},
        failing={"PolicyDocument": {"Statement": "nonsense"}},
        drift=Drift(lambda client, id, name: allow_sending(client, id), "/PolicyDocument/Statement/0/Action"),
        around=AROUND,
    ),
]
