"""StackSets by boto3: one template as stacks in two accounts and two regions, and what may happen to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_refusals import refusal
from nodes import RunningNode
from waiting import wait_for

Client = Callable[..., Any]
ACCOUNTS, REGIONS = ["111111111111", "222222222222"], ["eu-west-1", "us-west-2"]
TEMPLATE = json.dumps(
    {
        "Parameters": {
            "Days": {"Type": "Number", "Default": 3},
            "Secret": {"Type": "String", "NoEcho": True},
        },
        "Resources": {
            "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}},
        },
    }
)
SECRET = {"ParameterKey": "Secret", "ParameterValue": "hunter2"}


def days(value: int) -> dict[str, str]:
    return {"ParameterKey": "Days", "ParameterValue": str(value)}


def ended(cloudformation: Any, name: str, reply: dict[str, Any]) -> dict[str, Any]:
    def operation() -> dict[str, Any] | None:
        described = cloudformation.describe_stack_set_operation(
            StackSetName=name, OperationId=reply["OperationId"]
        )
        found: dict[str, Any] = described["StackSetOperation"]
        return None if found["Status"] in ("QUEUED", "RUNNING", "STOPPING") else found

    return wait_for(operation, 60)


def results(cloudformation: Any, name: str, operation: dict[str, Any]) -> dict[tuple[str, str], str]:
    pages = cloudformation.get_paginator("list_stack_set_operation_results").paginate(
        StackSetName=name, OperationId=operation["OperationId"]
    )
    return {(one["Account"], one["Region"]): one["Status"] for one in pages.search("Summaries[]")}


def instances(cloudformation: Any, name: str) -> dict[tuple[str, str], dict[str, Any]]:
    listed = cloudformation.list_stack_instances(StackSetName=name)["Summaries"]
    return {(one["Account"], one["Region"]): one for one in listed}


def retention(client: Client, instance: dict[str, Any]) -> int:
    where = {"region": instance["Region"], "account": instance["Account"]}
    resource = client("cloudformation", **where).describe_stack_resource(
        StackName=instance["StackId"], LogicalResourceId="Group"
    )
    group = resource["StackResourceDetail"]["PhysicalResourceId"]
    found = client("logs", **where).describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    return int(found["retentionInDays"])


def created(cloudformation: Any, name: str, **more: Any) -> str:
    request = {"TemplateBody": TEMPLATE, "Parameters": [SECRET], **more}
    return str(cloudformation.create_stack_set(StackSetName=name, **request)["StackSetId"])


def emptied(cloudformation: Any, name: str, **more: Any) -> None:
    every = {"Accounts": ACCOUNTS, "Regions": REGIONS, "RetainStacks": False, **more}
    reply = cloudformation.delete_stack_instances(StackSetName=name, **every)
    assert ended(cloudformation, name, reply)["Status"] == "SUCCEEDED"


def test_the_life_of_a_set(client: Client) -> None:
    cloudformation, name = client("cloudformation"), "life"
    id = created(cloudformation, name, Description="a set", Tags=[{"Key": "team", "Value": "a"}])
    assert id.startswith("life:")
    described = cloudformation.describe_stack_set(StackSetName=id)["StackSet"]
    assert (described["Status"], described["PermissionModel"]) == ("ACTIVE", "SELF_MANAGED")
    assert described["Parameters"] == [{"ParameterKey": "Secret", "ParameterValue": "****"}]
    assert name in [one["StackSetName"] for one in cloudformation.list_stack_sets()["Summaries"]]

    reply = cloudformation.create_stack_instances(
        StackSetName=name, Accounts=ACCOUNTS, Regions=REGIONS, OperationPreferences={"MaxConcurrentCount": 2}
    )
    operation = ended(cloudformation, name, reply)
    assert (operation["Action"], operation["Status"]) == ("CREATE", "SUCCEEDED")
    assert set(results(cloudformation, name, reply).values()) == {"SUCCEEDED"}
    found = instances(cloudformation, name)
    assert sorted(found) == [(account, region) for account in ACCOUNTS for region in REGIONS]
    assert {one["Status"] for one in found.values()} == {"CURRENT"}
    one = found[ACCOUNTS[0], REGIONS[0]]
    assert one["StackId"].split(":")[3:5] == [REGIONS[0], ACCOUNTS[0]]
    assert "/StackSet-life-" in one["StackId"]
    stack = client("cloudformation", region=REGIONS[0], account=ACCOUNTS[0]).describe_stacks(
        StackName=one["StackId"]
    )["Stacks"][0]
    assert stack["Tags"] == [{"Key": "team", "Value": "a"}]

    reply = cloudformation.update_stack_instances(
        StackSetName=name, Accounts=ACCOUNTS[:1], Regions=REGIONS[:1], ParameterOverrides=[days(7)]
    )
    assert ended(cloudformation, name, reply)["Status"] == "SUCCEEDED"
    previous = {"ParameterKey": "Secret", "UsePreviousValue": True}
    reply = cloudformation.update_stack_set(
        StackSetName=name, UsePreviousTemplate=True, Parameters=[previous, days(5)]
    )
    assert ended(cloudformation, name, reply)["Status"] == "SUCCEEDED"
    found = instances(cloudformation, name)
    assert [retention(client, one) for _, one in sorted(found.items())] == [7, 5, 5, 5]
    instance = cloudformation.describe_stack_instance(
        StackSetName=name, StackInstanceAccount=ACCOUNTS[0], StackInstanceRegion=REGIONS[0]
    )["StackInstance"]
    assert instance["ParameterOverrides"] == [days(7)]

    where = {"region": REGIONS[1], "account": ACCOUNTS[1]}
    drifting = found[ACCOUNTS[1], REGIONS[1]]
    resource = client("cloudformation", **where).describe_stack_resource(
        StackName=drifting["StackId"], LogicalResourceId="Group"
    )["StackResourceDetail"]
    client("logs", **where).put_retention_policy(
        logGroupName=resource["PhysicalResourceId"], retentionInDays=14
    )
    reply = cloudformation.detect_stack_set_drift(StackSetName=name)
    details = ended(cloudformation, name, reply)["StackSetDriftDetectionDetails"]
    assert (details["DriftStatus"], details["DriftedStackInstancesCount"]) == ("DRIFTED", 1)
    drifts = cloudformation.list_stack_instance_resource_drifts(
        StackSetName=name,
        StackInstanceAccount=ACCOUNTS[1],
        StackInstanceRegion=REGIONS[1],
        OperationId=reply["OperationId"],
    )["Summaries"]
    assert [one["StackResourceDriftStatus"] for one in drifts] == ["MODIFIED"]
    assert instances(cloudformation, name)[ACCOUNTS[1], REGIONS[1]]["DriftStatus"] == "DRIFTED"

    code, _, _ = refusal(cloudformation.delete_stack_set, StackSetName=name)
    assert code == "StackSetNotEmptyException"
    reply = cloudformation.delete_stack_instances(
        StackSetName=name, Accounts=ACCOUNTS[:1], Regions=REGIONS[:1], RetainStacks=True
    )
    assert ended(cloudformation, name, reply)["Status"] == "SUCCEEDED"
    kept = client("cloudformation", region=REGIONS[0], account=ACCOUNTS[0])
    assert kept.describe_stacks(StackName=one["StackId"])["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"
    reply = cloudformation.import_stacks_to_stack_set(StackSetName=name, StackIds=[one["StackId"]])
    assert ended(cloudformation, name, reply)["Status"] == "SUCCEEDED"
    assert instances(cloudformation, name)[ACCOUNTS[0], REGIONS[0]]["StackId"] == one["StackId"]
    emptied(cloudformation, name)
    assert kept.describe_stacks(StackName=one["StackId"])["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    assert len(cloudformation.list_stack_set_operations(StackSetName=name)["Summaries"]) == 7
    cloudformation.delete_stack_set(StackSetName=name)
    code, status, _ = refusal(cloudformation.describe_stack_set, StackSetName=name)
    assert (code, status) == ("StackSetNotFoundException", 404)


def test_failures_end_an_operation_where_they_are_not_tolerated(client: Client) -> None:
    cloudformation, name = client("cloudformation"), "failing"
    created(cloudformation, name, Parameters=[SECRET, days(2)])  # no retention that exists
    every = {"StackSetName": name, "Accounts": ACCOUNTS, "Regions": REGIONS}
    reply = cloudformation.create_stack_instances(
        **every, OperationPreferences={"RegionOrder": ["us-west-2", "eu-west-1"]}
    )
    operation = ended(cloudformation, name, reply)
    assert operation["Status"] == "FAILED"
    assert operation["StatusDetails"]["FailedStackInstancesCount"] == 1
    assert results(cloudformation, name, reply) == {
        (ACCOUNTS[0], "us-west-2"): "FAILED",
        (ACCOUNTS[1], "us-west-2"): "CANCELLED",
        (ACCOUNTS[0], "eu-west-1"): "CANCELLED",
        (ACCOUNTS[1], "eu-west-1"): "CANCELLED",
    }
    failed = instances(cloudformation, name)[ACCOUNTS[0], "us-west-2"]
    assert (failed["Status"], failed["StackInstanceStatus"]["DetailedStatus"]) == ("OUTDATED", "FAILED")
    assert failed["StatusReason"].startswith("ResourceLogicalId:Group, ResourceType:AWS::Logs::LogGroup")

    tolerant = {"FailureTolerancePercentage": 100, "RegionConcurrencyType": "PARALLEL"}
    reply = cloudformation.create_stack_instances(**every, OperationPreferences=tolerant)
    assert ended(cloudformation, name, reply)["Status"] == "SUCCEEDED"
    assert set(results(cloudformation, name, reply).values()) == {"FAILED"}
    reply = cloudformation.update_stack_set(
        StackSetName=name,
        UsePreviousTemplate=True,
        Parameters=[{"ParameterKey": "Secret", "UsePreviousValue": True}, days(3)],
        OperationPreferences={"MaxConcurrentPercentage": 100, "FailureToleranceCount": 1},
    )
    assert ended(cloudformation, name, reply)["Status"] == "SUCCEEDED"
    assert {one["Status"] for one in instances(cloudformation, name).values()} == {"CURRENT"}
    emptied(cloudformation, name)
    cloudformation.delete_stack_set(StackSetName=name)


def test_what_is_refused(client: Client) -> None:
    cloudformation, name = client("cloudformation"), "refused"
    created(cloudformation, name)
    request = {"StackSetName": name, "TemplateBody": TEMPLATE, "Parameters": [SECRET]}
    assert refusal(cloudformation.create_stack_set, **request)[:2] == ("NameAlreadyExistsException", 409)
    request["StackSetName"] = "other"
    code, _, message = refusal(cloudformation.create_stack_set, PermissionModel="SERVICE_MANAGED", **request)
    assert code == "ValidationError"
    assert "organization" in message
    where = {"StackSetName": name, "Regions": REGIONS}
    for wrong in (
        {"Accounts": ["12"]},
        {"DeploymentTargets": {"OrganizationalUnitIds": ["ou-abcd-12345678"]}},
        {},
    ):
        code, _, _ = refusal(cloudformation.create_stack_instances, **where, **wrong)
        assert code == "ValidationError"
    one = {**where, "Accounts": ACCOUNTS[:1]}
    code, _, _ = refusal(
        cloudformation.create_stack_instances, ParameterOverrides=[{"ParameterKey": "None"}], **one
    )
    assert code == "ValidationError"
    assert refusal(cloudformation.update_stack_instances, **one)[0] == "StackInstanceNotFoundException"
    code, status, _ = refusal(cloudformation.stop_stack_set_operation, StackSetName=name, OperationId="none")
    assert (code, status) == ("OperationNotFoundException", 404)
    cloudformation.delete_stack_set(StackSetName=name)


def test_an_operation_survives_the_death_of_its_node(tmp_path: Path) -> None:
    node = RunningNode(tmp_path)
    try:
        cloudformation = node.client("cloudformation")
        created(cloudformation, "surviving")
        accounts = [f"{number:012d}" for number in range(1, 9)]
        reply = cloudformation.create_stack_instances(
            StackSetName="surviving", Accounts=accounts, Regions=REGIONS[:1]
        )
        wait_for(lambda: "SUCCEEDED" in results(cloudformation, "surviving", reply).values())
        node.kill()
        node = RunningNode(tmp_path)
        cloudformation = node.client("cloudformation")
        operation = ended(cloudformation, "surviving", reply)
        assert operation["Status"] == "SUCCEEDED"
        assert set(results(cloudformation, "surviving", reply).values()) == {"SUCCEEDED"}
        for account in accounts:
            stacks = node.client("cloudformation", region=REGIONS[0], account=account).list_stacks()
            assert len(stacks["StackSummaries"]) == 1
    finally:
        node.stop()
