"""Stacks by boto3: created, described, updated, deleted, and refused in AWS's words."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from waiting import wait_for

Client = Callable[..., Any]


@pytest.fixture
def cloudformation(client: Client) -> Any:
    return client("cloudformation")


@pytest.fixture
def name() -> str:
    return f"stack-{uuid4().hex[:8]}"


def groups(*names: str, **sections: Any) -> str:
    """A template of log groups, each needing the one before."""
    resources: dict[str, Any] = {}
    before = None
    for name in names:
        resources[name] = {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 7}}
        if before:
            resources[name]["DependsOn"] = before
        before = name
    return json.dumps({"Resources": resources, **sections})


def refused(call: Callable[..., Any], **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as error:
        call(**params)
    details = error.value.response["Error"]
    return details["Code"], details["Message"]


def created(cloudformation: Any, name: str, body: str, **params: Any) -> dict[str, Any]:
    cloudformation.create_stack(StackName=name, TemplateBody=body, **params)
    waiter = cloudformation.get_waiter("stack_create_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    return dict(stack)


def status(cloudformation: Any, name: str) -> str:
    return str(cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"])


def deleted(cloudformation: Any, name: str) -> None:
    cloudformation.delete_stack(StackName=name)
    waiter = cloudformation.get_waiter("stack_delete_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})


def test_a_stacks_life(cloudformation: Any, client: Client, name: str) -> None:
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["B", "Arn"]}}, "Name": {"Value": {"Ref": "A"}}}
    stack = created(
        cloudformation,
        name,
        groups("A", "B", Outputs=outputs, Description="two groups"),
        Tags=[{"Key": "team", "Value": "night"}],
    )
    assert stack["StackStatus"] == "CREATE_COMPLETE" and stack["Description"] == "two groups"
    assert stack["Tags"] == [{"Key": "team", "Value": "night"}]
    found = {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}
    assert found["Name"].startswith(f"{name}-A-")
    logs = client("logs")
    assert logs.describe_log_groups(logGroupNamePrefix=f"{name}-")["logGroups"][0]["retentionInDays"] == 7

    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    told = [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(events)]
    assert told[0] == (name, "CREATE_IN_PROGRESS") and told[-1] == (name, "CREATE_COMPLETE")
    assert told.index(("A", "CREATE_COMPLETE")) < told.index(("B", "CREATE_IN_PROGRESS"))
    summaries = cloudformation.list_stack_resources(StackName=name)["StackResourceSummaries"]
    assert [one["ResourceStatus"] for one in summaries] == ["CREATE_COMPLETE"] * 2
    detail = cloudformation.describe_stack_resource(StackName=name, LogicalResourceId="A")
    assert detail["StackResourceDetail"]["PhysicalResourceId"] == found["Name"]
    of_group = cloudformation.describe_stack_resources(PhysicalResourceId=found["Name"])["StackResources"]
    assert {one["StackName"] for one in of_group} == {name}

    deleted(cloudformation, name)
    assert logs.describe_log_groups(logGroupNamePrefix=f"{name}-")["logGroups"] == []
    (gone,) = cloudformation.describe_stacks(StackName=stack["StackId"])["Stacks"]
    assert gone["StackStatus"] == "DELETE_COMPLETE"
    assert refused(cloudformation.describe_stacks, StackName=name) == (
        "ValidationError",
        f"Stack with id {name} does not exist",
    )


def test_an_update_and_no_update(cloudformation: Any, name: str) -> None:
    created(cloudformation, name, groups("A"))
    assert refused(cloudformation.update_stack, StackName=name, TemplateBody=groups("A")) == (
        "ValidationError",
        "No updates are to be performed.",
    )
    cloudformation.update_stack(StackName=name, TemplateBody=groups("A", "B"))
    waiter = cloudformation.get_waiter("stack_update_complete")
    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert json.loads(groups("A", "B")) == cloudformation.get_template(StackName=name)["TemplateBody"]
    deleted(cloudformation, name)


def test_a_stack_that_fails_is_rolled_back(cloudformation: Any, client: Client, name: str) -> None:
    body = json.loads(groups("A", "B"))
    body["Resources"]["B"]["Properties"]["LogGroupName"] = "not allowed: *"
    cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(body))
    wait_for(lambda: status(cloudformation, name) == "ROLLBACK_COMPLETE")
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = {event["ResourceStatus"]: event.get("ResourceStatusReason", "") for event in events}
    assert reasons["CREATE_FAILED"].startswith("Properties validation failed for resource B with message: ")
    assert reasons["ROLLBACK_IN_PROGRESS"] == (
        "The following resource(s) failed to create: [B]. Rollback requested by user."
    )
    assert client("logs").describe_log_groups(logGroupNamePrefix=f"{name}-")["logGroups"] == []
    (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    assert refused(cloudformation.update_stack, StackName=name, TemplateBody=groups("A")) == (
        "ValidationError",
        f"Stack:{stack['StackId']} is in ROLLBACK_COMPLETE state and can not be updated.",
    )
    deleted(cloudformation, name)


def test_what_is_wrong_is_refused_and_leaves_nothing(cloudformation: Any, name: str) -> None:
    create = cloudformation.create_stack
    assert refused(create, StackName=name, TemplateBody="{}") == (
        "ValidationError",
        "Template format error: At least one Resources member must be defined.",
    )
    unknown = json.dumps({"Resources": {"X": {"Type": "AWS::X::Y"}}})
    assert refused(create, StackName=name, TemplateBody=unknown) == (
        "ValidationError",
        "Template format error: Unrecognized resource types: [AWS::X::Y]",
    )
    role = json.dumps({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r"}}}})
    assert refused(create, StackName=name, TemplateBody=role, Capabilities=["CAPABILITY_IAM"]) == (
        "InsufficientCapabilitiesException",
        "Requires capabilities : [CAPABILITY_NAMED_IAM]",
    )
    assert refused(create, StackName=name, TemplateBody=groups("A"), NotificationARNs=["arn:x"])[0] == (
        "ValidationError"
    )
    url = "https://s3.amazonaws.com/no-such-bucket-here/key"
    code, message = refused(create, StackName=name, TemplateURL=url)
    assert code == "ValidationError" and message.startswith("S3 error: ")
    assert refused(cloudformation.set_stack_policy, StackName=name, StackPolicyBody="{}")[0] == (
        "ValidationError"
    )
    assert refused(cloudformation.describe_stacks, StackName=name)[0] == "ValidationError"


def test_termination_protection(cloudformation: Any, name: str) -> None:
    created(cloudformation, name, groups("A"), EnableTerminationProtection=True)
    assert refused(cloudformation.delete_stack, StackName=name) == (
        "ValidationError",
        f"Stack [{name}] cannot be deleted while TerminationProtection is enabled",
    )
    cloudformation.update_termination_protection(StackName=name, EnableTerminationProtection=False)
    deleted(cloudformation, name)


def test_exports_bind(cloudformation: Any, name: str) -> None:
    outputs = {"O": {"Value": {"Ref": "A"}, "Export": {"Name": f"{name}-group"}}}
    created(cloudformation, name, groups("A", Outputs=outputs))
    taken = {"Resources": {"G": {"Type": "AWS::Logs::LogGroup"}}}
    taken["Outputs"] = {"I": {"Value": {"Fn::ImportValue": f"{name}-group"}}}  # type: ignore[dict-item]
    created(cloudformation, f"{name}-user", json.dumps(taken))
    assert cloudformation.list_imports(ExportName=f"{name}-group")["Imports"] == [f"{name}-user"]
    assert refused(cloudformation.delete_stack, StackName=name) == (
        "ValidationError",
        f"Export {name}-group cannot be deleted as it is in use by {name}-user",
    )
    deleted(cloudformation, f"{name}-user")
    deleted(cloudformation, name)
    assert f"{name}-group" not in [one["Name"] for one in cloudformation.list_exports()["Exports"]]


def test_templates_are_summed_up_before_they_are_deployed(cloudformation: Any) -> None:
    body = groups(
        "A", Parameters={"P": {"Type": "String", "Default": "d", "AllowedValues": ["d"], "NoEcho": True}}
    )
    summary = cloudformation.get_template_summary(TemplateBody=body)
    (parameter,) = summary["Parameters"]
    assert parameter["ParameterType"] == "String" and parameter["NoEcho"] is True
    assert parameter["ParameterConstraints"] == {"AllowedValues": ["d"]}
    assert summary["ResourceTypes"] == ["AWS::Logs::LogGroup"]
    assert cloudformation.validate_template(TemplateBody=body)["Parameters"][0]["DefaultValue"] == "d"
    assert refused(cloudformation.validate_template, TemplateBody="a: b: c") == (
        "ValidationError",
        "Template format error: YAML not well-formed. (line 1, column 5)",
    )
