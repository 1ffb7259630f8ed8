"""Change sets with IncludeNestedStacks, three stacks deep: what they show, executed and deleted by their root."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from custom_rig import Topic, answer, begin, events, put, settled
from waiting import wait_for

Client = Callable[..., Any]


@pytest.fixture
def stack() -> str:
    return f"nested-{uuid4().hex[:8]}"


class Templates:
    """A bucket of templates: leaf, middle with a leaf, and root with a middle."""

    def __init__(self, client: Client, bucket: str) -> None:
        self._s3, self._bucket = client("s3"), bucket
        self._s3.create_bucket(Bucket=bucket)

    def url(self, name: str, template: dict[str, Any]) -> str:
        self._s3.put_object(Bucket=self._bucket, Key=name, Body=json.dumps(template).encode())
        return f"https://{self._bucket}.s3.amazonaws.com/{name}"

    def root(self, delay: int, version: str) -> str:
        leaf = {
            "Parameters": {"Delay": {"Type": "Number"}},
            "Resources": {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": {"Ref": "Delay"}}}},
        }
        leaf_url = self.url(f"leaf-{version}", leaf)
        middle = {"Resources": {"Leaf": nested(leaf_url, Delay=str(delay))}}
        middle_url = self.url(f"middle-{version}", middle)
        return json.dumps({"Resources": {"Middle": nested(middle_url), "Own": {"Type": "AWS::SQS::Queue"}}})


def nested(url: str, **parameters: str) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": url, "Parameters": parameters},
    }


def propose(client: Client, stack: str, body: str, kind: str) -> dict[str, Any]:
    made = client("cloudformation").create_change_set(
        StackName=stack,
        ChangeSetName=f"set-{uuid4().hex[:8]}",
        ChangeSetType=kind,
        TemplateBody=body,
        IncludeNestedStacks=True,
    )
    return describe(client, made["Id"])


def describe(client: Client, change_set: str) -> dict[str, Any]:
    found: dict[str, Any] = client("cloudformation").describe_change_set(ChangeSetName=change_set)
    return found


def child_of(client: Client, change_set: dict[str, Any], name: str) -> dict[str, Any]:
    changes = {
        one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in change_set["Changes"]
    }
    return describe(client, changes[name]["ChangeSetId"])


def test_nested_change_sets(client: Client, stack: str) -> None:
    stacks, templates = client("cloudformation"), Templates(client, stack)
    root = propose(client, stack, templates.root(1, "a"), "CREATE")
    assert root["Status"] == "CREATE_COMPLETE", root.get("StatusReason")
    middle = child_of(client, root, "Middle")
    leaf = child_of(client, middle, "Leaf")
    for one, parent in ((middle, root), (leaf, middle)):
        assert one["ParentChangeSetId"] == parent["ChangeSetId"]
        assert one["RootChangeSetId"] == root["ChangeSetId"]
        (found,) = stacks.describe_stacks(StackName=one["StackId"])["Stacks"]
        assert found["StackStatus"] == "REVIEW_IN_PROGRESS"
        with pytest.raises(ClientError, match="InvalidChangeSetStatus"):
            stacks.execute_change_set(ChangeSetName=one["ChangeSetId"])
    assert [one["ResourceChange"]["LogicalResourceId"] for one in leaf["Changes"]] == ["Q"]
    stacks.delete_change_set(ChangeSetName=root["ChangeSetId"])
    with pytest.raises(ClientError, match="does not exist"):
        describe(client, leaf["ChangeSetId"])

    root = propose(client, stack, templates.root(1, "a"), "CREATE")
    middle = child_of(client, root, "Middle")
    stacks.execute_change_set(ChangeSetName=root["ChangeSetId"])
    assert settled(client, stack)["StackStatus"] == "CREATE_COMPLETE", events(client, stack, "Middle")
    (found,) = stacks.describe_stacks(StackName=middle["StackId"])["Stacks"]
    assert found["StackStatus"] == "CREATE_COMPLETE"
    assert found["ParentId"] == root["StackId"]
    in_review = stacks.list_stacks(StackStatusFilter=["REVIEW_IN_PROGRESS"])["StackSummaries"]
    assert not [one for one in in_review if one["StackName"].startswith(stack)]

    root = propose(client, stack, templates.root(2, "b"), "UPDATE")
    leaf = child_of(client, child_of(client, root, "Middle"), "Leaf")
    (change,) = leaf["Changes"]
    assert change["ResourceChange"]["Action"] == "Modify"
    stacks.execute_change_set(ChangeSetName=root["ChangeSetId"])
    assert settled(client, stack)["StackStatus"] == "UPDATE_COMPLETE"
    (queue,) = stacks.describe_stack_resources(StackName=leaf["StackId"])["StackResources"]
    url = queue["PhysicalResourceId"]
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])
    assert attributes["Attributes"] == {"DelaySeconds": "2"}


def test_a_failed_rollback_continues_in_the_nested_stack(client: Client, stack: str) -> None:
    stacks, templates, topic = client("cloudformation"), Templates(client, stack), Topic(client, stack)

    def child(size: int) -> dict[str, Any]:
        return {"Child": nested(templates.url(f"t{size}", {"Resources": {"Thing": topic.thing(Size=size)}}))}

    begin(client, stack, child(1))
    request = topic.next()
    put(request["ResponseURL"], answer(request))
    settled(client, stack)
    stacks.update_stack(StackName=stack, TemplateBody=json.dumps({"Resources": child(2)}))
    for _ in range(2):  # the update, and its rollback
        request = topic.next()
        put(request["ResponseURL"], answer(request, Status="FAILED", Reason="no"))
    assert settled(client, stack)["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
    reasons = [reason for status, reason in events(client, stack, "Child") if status == "UPDATE_FAILED"]
    assert all(reason.startswith("Embedded stack arn:") for reason in reasons), reasons
    stacks.continue_update_rollback(StackName=stack, ResourcesToSkip=["Child.Thing"])
    assert settled(client, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    (nested_one,) = stacks.describe_stack_resources(StackName=stack)["StackResources"]
    (found,) = stacks.describe_stacks(StackName=nested_one["PhysicalResourceId"])["Stacks"]
    assert found["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"


def test_nested_stacks_in_review_go_with_their_root(client: Client, stack: str) -> None:
    """The root fails before it comes to its nested stack, is deleted in review, or has a template that is not there."""
    stacks, templates = client("cloudformation"), Templates(client, stack)

    def left() -> list[str]:
        found = stacks.list_stacks(StackStatusFilter=["REVIEW_IN_PROGRESS"])["StackSummaries"]
        return [one["StackName"] for one in found if one["StackName"].startswith(f"{stack}-")]

    root = json.loads(templates.root(1, "a"))
    root["Resources"]["Own"]["Properties"] = {"QueueName": "taken", "FifoQueue": True}
    root["Resources"]["Middle"]["DependsOn"] = "Own"
    failing = propose(client, stack, json.dumps(root), "CREATE")
    assert len(left()) == 2
    stacks.execute_change_set(ChangeSetName=failing["ChangeSetId"])
    assert settled(client, stack)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert left() == []
    stacks.delete_stack(StackName=stack)
    wait_for(lambda: not [one for one in stacks.describe_stacks()["Stacks"] if one["StackName"] == stack])

    del root["Resources"]["Own"]
    del root["Resources"]["Middle"]["DependsOn"]
    propose(client, stack, json.dumps(root), "CREATE")
    assert len(left()) == 2
    stacks.delete_stack(StackName=stack)
    wait_for(lambda: not [one for one in stacks.describe_stacks()["Stacks"] if one["StackName"] == stack])
    assert left() == []

    root["Resources"]["Missing"] = nested(f"https://{stack}.s3.amazonaws.com/missing")
    broken = propose(client, stack, json.dumps(root), "CREATE")
    assert broken["Status"] == "FAILED" and "Nested change set" in broken["StatusReason"]
    stacks.delete_stack(StackName=stack)
    wait_for(lambda: not [one for one in stacks.describe_stacks()["Stacks"] if one["StackName"] == stack])
    assert left() == []
