"""Ten templates written from AWS's documentation alone: each is deployed, used, updated and deleted."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from nodes import RunningNode
from waiting import wait_for

FOLDER = Path(__file__).parent.parent / "data" / "documented_templates"
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
Client = Callable[..., Any]


class Stack:
    """A stack of one of the templates; `swaps` are texts to replace in it."""

    def __init__(self, client: Client, template: str, name: str = "", **swaps: str) -> None:
        self.client, self.name = client, name or f"d{uuid4().hex[:10]}"
        self._formation, self._template = client("cloudformation"), template
        self.id, self.outputs = "", dict[str, str]()
        self.swaps = {"PYTHON": f"python3.{sys.version_info.minor}", **swaps}

    def _text(self) -> str:
        text = (FOLDER / f"{self._template}.yaml").read_text()
        for old, new in self.swaps.items():
            text = text.replace(old, new)
        return text

    def bring(self, status: str, **parameters: str) -> dict[str, str]:
        """Create or update the stack, and return its outputs."""
        operation = self._formation.update_stack if self.id else self._formation.create_stack
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
        request = {"TemplateBody": self._text(), "Parameters": given, "Capabilities": CAPABILITIES}
        self.id = operation(StackName=self.id or self.name, **request)["StackId"]
        found = self._settled()
        assert found["StackStatus"] == status, self.failures()
        self.outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}
        return self.outputs

    def failures(self) -> list[str]:
        events = self._formation.describe_stack_events(StackName=self.id)["StackEvents"]
        return [str(one.get("ResourceStatusReason")) for one in events if "FAILED" in one["ResourceStatus"]]

    def delete(self) -> None:
        self._formation.delete_stack(StackName=self.id)
        assert self._settled()["StackStatus"] == "DELETE_COMPLETE", self.failures()

    def _settled(self) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            (stack,) = self._formation.describe_stacks(StackName=self.id)["Stacks"]
            return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

        return wait_for(found, 180)

    def received(self, output: str, count: int = 1) -> list[str]:
        """Return the bodies of at least `count` messages of the queue whose URL the output is."""
        sqs, bodies, url = self.client("sqs"), list[str](), self.outputs[output]

        def enough() -> bool:
            reply = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1, MaxNumberOfMessages=10)
            for message in reply.get("Messages", ()):
                bodies.append(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return len(bodies) >= count

        wait_for(enough, 60)
        return bodies

    def invoke(self, **event: Any) -> Any:
        functions = self.client("lambda")
        reply = functions.invoke(FunctionName=self.outputs["Fn"], Payload=json.dumps(event).encode())
        return json.loads(reply["Payload"].read())


@pytest.fixture
def bucket(client: Client) -> Iterator[str]:
    name, s3 = f"documented-{uuid4().hex[:8]}", client("s3")
    s3.create_bucket(Bucket=name)
    yield name
    for one in s3.list_objects_v2(Bucket=name).get("Contents", ()):
        s3.delete_object(Bucket=name, Key=one["Key"])
    s3.delete_bucket(Bucket=name)


def test_events(client: Client) -> None:
    stack, events = Stack(client, "events"), client("events")
    bus = stack.bring("CREATE_COMPLETE")["BusName"]

    def put(kind: str) -> None:
        detail = json.dumps({"id": kind, "total": 20, "country": "DE"})
        entry = {"EventBusName": bus, "Source": "shop.web", "DetailType": kind, "Detail": detail}
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0

    put("order.placed")
    body = json.loads(stack.received("Url")[0])
    assert body["id"] == "order.placed"
    assert "-Rule-" in body["rule"]
    stack.bring("UPDATE_COMPLETE", Detail="order.cancelled")
    put("order.placed")
    put("order.cancelled")
    assert [json.loads(one)["id"] for one in stack.received("Url")] == ["order.cancelled"]
    stack.delete()


def test_function(client: Client, node: RunningNode) -> None:
    stack, functions = Stack(client, "function"), client("lambda")
    outputs = stack.bring("CREATE_COMPLETE")
    assert stack.invoke(name="x") == {"text": "hello x", "v": "1"}
    for event, queue in (({"fail": True}, "Failed"), ({"name": "y"}, "Done")):
        payload = json.dumps(event).encode()
        functions.invoke(FunctionName=outputs["Fn"], InvocationType="Event", Payload=payload)
        assert outputs["Fn"].split(":")[6] in stack.received(queue)[0]
    host = {"Host": outputs["Url"].split("/")[2]}
    with urllib.request.urlopen(urllib.request.Request(node.endpoint, headers=host)) as answer:
        assert b"hello" in answer.read()
    stack.bring("UPDATE_COMPLETE", Greeting="moin", Ver="b")
    assert stack.invoke(name="x") == {"text": "moin x", "v": "2"}
    stack.delete()


def test_topic(client: Client) -> None:
    stack, sns = Stack(client, "topic"), client("sns")
    topic = stack.bring("CREATE_COMPLETE")["Topic"]
    for price in (5, 500):
        sns.publish(TopicArn=topic, Message=json.dumps({"price": price}))
    assert len(stack.received("All", 2)) == 2
    assert stack.received("Some") == ['{"price": 500}']
    stack.swaps['[">=", 100]'] = '[">=", 1000]'
    stack.bring("UPDATE_COMPLETE")
    for price in (500, 5000):
        sns.publish(TopicArn=topic, Message=json.dumps({"price": price}))
    assert stack.received("Some") == ['{"price": 5000}']
    stack.delete()


def test_bucket_notifications(client: Client) -> None:
    stack, s3 = Stack(client, "bucket_notifications"), client("s3")
    bucket = stack.bring("CREATE_COMPLETE")["Bucket"]
    s3.put_object(Bucket=bucket, Key="in/a b.csv", Body=b"x,y")
    assert stack.received("Created") == ['"out/a b.csv"']
    assert s3.get_object(Bucket=bucket, Key="out/a b.csv")["Body"].read() == b"X,Y"
    stack.bring("UPDATE_COMPLETE", Suffix=".txt")
    s3.put_object(Bucket=bucket, Key="in/c.csv", Body=b"n")
    s3.put_object(Bucket=bucket, Key="in/d.txt", Body=b"q")
    assert stack.received("Created") == ['"out/d.txt"']
    s3.delete_object(Bucket=bucket, Key="in/c.csv")
    assert any("DeleteMarkerCreated" in one for one in stack.received("Removed", 2))
    versions = s3.list_object_versions(Bucket=bucket)
    for one in [*versions["Versions"], *versions["DeleteMarkers"]]:
        s3.delete_object(Bucket=bucket, Key=one["Key"], VersionId=one["VersionId"])
    stack.delete()


def test_secrets_and_parameters(client: Client) -> None:
    stack, kms = Stack(client, "secrets_and_parameters"), client("kms")
    outputs = stack.bring("CREATE_COMPLETE")
    assert stack.invoke() == ["admin", "one", "a,b,c", 24, "admin"]
    stack.bring("UPDATE_COMPLETE", Level="two")
    assert stack.invoke()[1] == "two"
    stack.bring("UPDATE_ROLLBACK_COMPLETE", Level="NOT")
    assert stack.invoke()[1] == "two"
    stack.delete()
    assert kms.describe_key(KeyId=outputs["Key"])["KeyMetadata"]["KeyState"] == "PendingDeletion"


def test_custom_resource(client: Client) -> None:
    stack = Stack(client, "custom_resource")
    assert stack.bring("CREATE_COMPLETE") == {"V": "thing-3:6:deep", "Id": "thing-3"}
    assert stack.bring("UPDATE_COMPLETE", Size="4")["V"] == "thing-4:8:deep"
    stack.bring("UPDATE_ROLLBACK_COMPLETE", Size="40")
    assert any("too large" in one for one in stack.failures())
    stack.delete()


def test_macro(client: Client, bucket: str) -> None:
    included = "More:\n  Type: AWS::SNS::Topic\n  Properties: {DisplayName: included}\n"
    client("s3").put_object(Bucket=bucket, Key="more.yaml", Body=included.encode())
    macro = Stack(client, "macro")
    macro.bring("CREATE_COMPLETE")
    stack, sqs = Stack(client, "macro_use", BUCKET=bucket), client("sqs")
    for status, delay in (("CREATE_COMPLETE", "5"), ("UPDATE_COMPLETE", "9")):
        outputs = stack.bring(status, Delay=delay)
        found = sqs.get_queue_attributes(QueueUrl=outputs["Q"], AttributeNames=["All"])["Attributes"]
        assert (found["DelaySeconds"], found["VisibilityTimeout"]) == (delay, "30")
        assert outputs["J"] == json.dumps({"a": [1, delay]}, separators=(",", ":"))
        assert "-More-" in outputs["T"]
    stack.delete()
    macro.delete()


def test_loops(client: Client) -> None:
    stack = Stack(client, "loops")
    outputs = stack.bring("CREATE_COMPLETE")
    assert (outputs["Count"], set(outputs)) == ("2 of none", {"Count", "Urlalpha", "Urlbeta"})
    outputs = stack.bring("UPDATE_COMPLETE", Names="beta,gamma,delta")
    assert (outputs["Count"], "Urlalpha" in outputs) == ("3 of none", False)
    with pytest.raises(Exception, match="names please"):
        stack.bring("UPDATE_COMPLETE", Names="a,forbidden")
    stack.delete()


def test_stack_set(client: Client) -> None:
    def days() -> list[int]:
        found = [client("logs", region=region).describe_log_groups(logGroupNamePrefix="/t9/here")["logGroups"]
                 for region in ("us-east-1", "eu-central-1")]  # fmt: skip
        return [one["retentionInDays"] for groups in found for one in groups]

    stack = Stack(client, "stack_set", DAYS="3")
    stack.bring("CREATE_COMPLETE")
    assert days() == [3, 3]
    stack.swaps["DAYS"] = "5"
    stack.bring("UPDATE_COMPLETE")
    assert days() == [5, 5]
    stack.delete()
    assert days() == []


def test_nested_queue(client: Client, bucket: str) -> None:
    inner = (FOLDER / "nested_queue_inner.yaml").read_bytes()
    client("s3").put_object(Bucket=bucket, Key="inner.yaml", Body=inner)
    client("ssm").put_parameter(Name="/t10/name", Type="String", Value="named-by-ssm", Overwrite=True)
    stack, sqs = Stack(client, "nested_queue"), client("sqs")
    given = {"Url": f"https://{bucket}.s3.us-east-1.amazonaws.com/inner.yaml"}
    outputs = stack.bring("CREATE_COMPLETE", **given)
    assert outputs["T"] == "named-by-ssm"
    for body in ("one", "skip", "two"):
        sqs.send_message(QueueUrl=outputs["In"], MessageBody=body)
    assert set(stack.received("Out", 2)) == {"ONE", "TWO"}
    stack.bring("UPDATE_COMPLETE", Batch="1", **given)
    stack.delete()
