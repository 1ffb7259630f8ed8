"""Change sets that take existing resources into a stack: of type IMPORT, and with ImportExistingResources."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from custom_rig import begin, events, outputs, settled

Client = Callable[..., Any]


@pytest.fixture
def stack() -> str:
    return f"import-{uuid4().hex[:8]}"


def bucket(name: str, policy: str | None = "Retain", **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": name, **properties},
        **({"DeletionPolicy": policy} if policy else {}),
    }


def to_import(**buckets: str) -> list[dict[str, Any]]:
    return [
        {
            "ResourceType": "AWS::S3::Bucket",
            "LogicalResourceId": logical_id,
            "ResourceIdentifier": {"BucketName": name},
        }
        for logical_id, name in buckets.items()
    ]


def propose(client: Client, stack: str, resources: dict[str, Any], **more: Any) -> dict[str, Any]:
    more.setdefault("ChangeSetType", "IMPORT")
    template = {"Resources": resources, **more.pop("template", {})}
    stacks = client("cloudformation")
    name = f"set-{uuid4().hex[:8]}"
    made = stacks.create_change_set(
        StackName=stack, ChangeSetName=name, TemplateBody=json.dumps(template), **more
    )
    found: dict[str, Any] = stacks.describe_change_set(ChangeSetName=made["Id"])
    return found


def execute(client: Client, change_set: dict[str, Any]) -> dict[str, Any]:
    client("cloudformation").execute_change_set(ChangeSetName=change_set["ChangeSetId"])
    return settled(client, change_set["StackId"])


def test_a_bucket_is_imported_and_belongs_to_the_stack(client: Client, stack: str) -> None:
    client("s3").create_bucket(Bucket=stack)
    client("s3").put_object(Bucket=stack, Key="kept", Body=b"x")
    arn = {"Outputs": {"Arn": {"Value": {"Fn::GetAtt": "B.Arn"}}}}
    wanted = {"ResourcesToImport": to_import(B=stack), "template": arn}
    change_set = propose(client, stack, {"B": bucket(stack)}, **wanted)
    (change,) = change_set["Changes"]
    assert change["ResourceChange"]["Action"] == "Import"
    assert change["ResourceChange"]["PhysicalResourceId"] == stack
    found = execute(client, change_set)
    assert found["StackStatus"] == "IMPORT_COMPLETE"
    assert outputs(found) == {"Arn": f"arn:aws:s3:::{stack}"}
    assert events(client, stack, "B") == [
        ("IMPORT_IN_PROGRESS", "Resource import started."),
        ("IMPORT_COMPLETE", "Resource import completed."),
    ]
    with pytest.raises(ClientError, match="already belongs to stack"):
        propose(client, f"{stack}-2", {"B": bucket(stack)}, ResourcesToImport=to_import(B=stack))
    versioned = bucket(stack, VersioningConfiguration={"Status": "Enabled"})
    client("cloudformation").update_stack(
        StackName=stack, TemplateBody=json.dumps({"Resources": {"B": versioned}})
    )
    assert settled(client, stack)["StackStatus"] == "UPDATE_COMPLETE"
    assert client("s3").get_bucket_versioning(Bucket=stack)["Status"] == "Enabled"
    client("cloudformation").delete_stack(StackName=stack)
    settled(client, found["StackId"])
    assert client("s3").get_object(Bucket=stack, Key="kept")["Body"].read() == b"x"


def test_an_import_that_fails_leaves_everything(client: Client, stack: str) -> None:
    client("s3").create_bucket(Bucket=stack)
    begin(client, stack, {"Q": {"Type": "AWS::SQS::Queue"}})
    settled(client, stack)
    resources = {
        "Q": {"Type": "AWS::SQS::Queue"},
        "B": bucket(stack),
        "None": bucket(f"{stack}-none"),
    }
    wanted = to_import(B=stack, None_=f"{stack}-none")
    wanted[1]["LogicalResourceId"] = "None"
    found = execute(client, propose(client, stack, resources, ResourcesToImport=wanted))
    assert found["StackStatus"] == "IMPORT_ROLLBACK_COMPLETE"
    assert any("was not found" in reason for _, reason in events(client, stack, "None"))
    listed = client("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
    assert [one["LogicalResourceId"] for one in listed] == ["Q"]
    client("s3").head_bucket(Bucket=stack)
    del resources["None"]
    found = execute(client, propose(client, stack, resources, ResourcesToImport=to_import(B=stack)))
    assert found["StackStatus"] == "IMPORT_COMPLETE"


@pytest.mark.parametrize(
    ("resources", "message"),
    [
        ({"B": bucket("bbb", None)}, "must have a DeletionPolicy attribute"),
        ({"B": bucket("bbb"), "C": bucket("ccc")}, r"Resources \[C\] is missing from ResourceToImport list"),
        ({"B": {"Type": "AWS::SQS::Queue", "DeletionPolicy": "Retain"}}, "Resource type of"),
        ({"C": bucket("ccc")}, "is missing from ResourceToImport list"),
    ],
)
def test_what_is_no_import(client: Client, stack: str, resources: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        propose(client, stack, resources, ResourcesToImport=to_import(B="bbb"))


def test_existing_resources_are_imported(client: Client, stack: str) -> None:
    client("s3").create_bucket(Bucket=stack)
    client("sqs").create_queue(QueueName=stack)
    queue = {
        "Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": stack},
        "DeletionPolicy": "RetainExceptOnCreate",
    }
    resources = {"B": bucket(stack), "Q": queue, "New": {"Type": "AWS::SQS::Queue"}}
    more = {"ChangeSetType": "CREATE", "ImportExistingResources": True}
    change_set = propose(client, stack, resources, **more)
    actions = {
        one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"]["Action"]
        for one in change_set["Changes"]
    }
    assert actions == {"B": "Import", "Q": "Import", "New": "Add"}
    assert change_set["ImportExistingResources"] is True
    found = execute(client, change_set)
    assert found["StackStatus"] == "CREATE_COMPLETE", events(client, stack, "Q")
    with pytest.raises(ClientError, match="its DeletionPolicy must be"):
        propose(client, f"{stack}-2", {"Q": {**queue, "DeletionPolicy": "Delete"}}, **more)
