"""Stacks with custom resources and wait conditions, and what answers them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from waiting import wait_for

Client = Callable[..., Any]


def settled(client: Client, stack: str) -> dict[str, Any]:
    def ended() -> dict[str, Any] | None:
        (found,) = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

    found: dict[str, Any] = wait_for(ended, 120)
    return found


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}


def events(client: Client, stack: str, name: str) -> list[tuple[str, str]]:
    found = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        (one["ResourceStatus"], one.get("ResourceStatusReason", ""))
        for one in reversed(found)
        if one["LogicalResourceId"] == name
    ]


def put(url: str, body: Any) -> int:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data=text, method="PUT")) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


class Topic:
    """A topic whose requests a queue gets."""

    def __init__(self, client: Client, name: str) -> None:
        self.arn = client("sns").create_topic(Name=name)["TopicArn"]
        self._queues = client("sqs")
        self._url = self._queues.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._queues.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        queue = attributes["Attributes"]["QueueArn"]
        policy = {
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": queue}
            ]
        }
        self._queues.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": json.dumps(policy)})
        client("sns").subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=queue)

    def request(self, seconds: int = 10) -> dict[str, Any] | None:
        got = self._queues.receive_message(QueueUrl=self._url, WaitTimeSeconds=seconds)
        for message in got.get("Messages", []):
            self._queues.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            envelope = json.loads(message["Body"])
            assert envelope["Subject"] == "AWS CloudFormation custom resource request"
            request: dict[str, Any] = json.loads(envelope["Message"])
            return request
        return None

    def next(self) -> dict[str, Any]:
        request = self.request(20)
        assert request is not None
        return request

    def thing(self, **properties: Any) -> dict[str, Any]:
        return {"Type": "Custom::Thing", "Properties": {"ServiceToken": self.arn, **properties}}


def answer(request: dict[str, Any], **members: Any) -> dict[str, Any]:
    copied = {name: request[name] for name in ("StackId", "RequestId", "LogicalResourceId")}
    return {"Status": "SUCCESS", "PhysicalResourceId": "thing-1", **copied, **members}


def begin(client: Client, stack: str, resources: dict[str, Any], **more: Any) -> None:
    body = json.dumps({"Resources": resources})
    client("cloudformation").create_stack(StackName=stack, TemplateBody=body, **more)
