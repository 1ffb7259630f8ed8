"""Drift of whole stacks by boto3: what a detection finds, where it is shown, and what ends it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_refusals import refusal

Client = Callable[..., Any]
TEMPLATE: dict[str, Any] = {
    "Parameters": {"Secret": {"Type": "String", "NoEcho": True}},
    "Resources": {
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": 5}},
        "Gone": {"Type": "AWS::SNS::Topic"},
        "Same": {
            "Type": "AWS::SNS::Topic",
            "Properties": {"DisplayName": {"Ref": "Secret"}, "Tags": [{"Key": "a", "Value": "1"}]},
        },
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
    },
}


def deployed(cloudformation: Any, name: str, delay: int = 5, call: str = "create_stack") -> str:
    TEMPLATE["Resources"]["Queue"]["Properties"]["DelaySeconds"] = delay
    reply = getattr(cloudformation, call)(
        StackName=name,
        TemplateBody=json.dumps(TEMPLATE),
        Parameters=[{"ParameterKey": "Secret", "ParameterValue": "hunter2"}],
        Tags=[{"Key": "stack", "Value": "wide"}],
    )
    cloudformation.get_waiter(f"stack_{call.split('_')[0]}_complete").wait(
        StackName=name, WaiterConfig={"Delay": 1}
    )
    return str(reply["StackId"])


def test_drift_of_a_stack(client: Client) -> None:
    cloudformation = client("cloudformation")
    stack_id = deployed(cloudformation, "drifting")
    ids = {
        one["LogicalResourceId"]: one["PhysicalResourceId"]
        for one in cloudformation.list_stack_resources(StackName="drifting")["StackResourceSummaries"]
    }
    client("sqs").set_queue_attributes(QueueUrl=ids["Queue"], Attributes={"DelaySeconds": "9"})
    client("sns").delete_topic(TopicArn=ids["Gone"])
    detection = cloudformation.detect_stack_drift(StackName="drifting")["StackDriftDetectionId"]
    status = cloudformation.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
    assert (status["StackId"], status["DetectionStatus"]) == (stack_id, "DETECTION_COMPLETE")
    assert (status["StackDriftStatus"], status["DriftedStackResourceCount"]) == ("DRIFTED", 2)

    listed = cloudformation.describe_stack_resource_drifts(StackName="drifting")["StackResourceDrifts"]
    found = {one["LogicalResourceId"]: one for one in listed}
    assert {name: one["StackResourceDriftStatus"] for name, one in found.items()} == {
        "Gone": "DELETED",
        "Queue": "MODIFIED",
        "Same": "IN_SYNC",
    }
    assert found["Queue"]["PropertyDifferences"] == [
        {
            "PropertyPath": "/DelaySeconds",
            "ExpectedValue": "5",
            "ActualValue": "9",
            "DifferenceType": "NOT_EQUAL",
        }
    ]
    assert json.loads(found["Queue"]["ActualProperties"]) == {"DelaySeconds": 9}
    assert json.loads(found["Same"]["ExpectedProperties"])["DisplayName"] == "****"
    filters = ["DELETED"]
    only = cloudformation.describe_stack_resource_drifts(
        StackName="drifting", StackResourceDriftStatusFilters=filters
    )
    assert [one["LogicalResourceId"] for one in only["StackResourceDrifts"]] == ["Gone"]

    summaries = cloudformation.list_stack_resources(StackName="drifting")["StackResourceSummaries"]
    shown = {
        one["LogicalResourceId"]: one["DriftInformation"]["StackResourceDriftStatus"] for one in summaries
    }
    assert shown == {"Gone": "DELETED", "Queue": "MODIFIED", "Same": "IN_SYNC", "Handle": "NOT_CHECKED"}
    stack = cloudformation.describe_stacks(StackName="drifting")["Stacks"][0]
    assert stack["DriftInformation"]["StackDriftStatus"] == "DRIFTED"
    assert stack["DriftInformation"]["LastCheckTimestamp"] == status["Timestamp"]

    deployed(cloudformation, "drifting", 6, "update_stack")
    stack = cloudformation.describe_stacks(StackName="drifting")["Stacks"][0]
    assert stack["DriftInformation"] == {"StackDriftStatus": "NOT_CHECKED"}
    cloudformation.delete_stack(StackName="drifting")


def test_what_cannot_be_checked(client: Client) -> None:
    cloudformation = client("cloudformation")
    deployed(cloudformation, "not-drifting")
    code, _, message = refusal(
        cloudformation.detect_stack_resource_drift, StackName="not-drifting", LogicalResourceId="None"
    )
    assert (code, message) == (
        "ValidationError",
        "Resource None does not exist for stack not-drifting",
    )
    code, _, message = refusal(cloudformation.detect_stack_drift, StackName="no-such-stack")
    assert (code, message) == ("ValidationError", "Stack [no-such-stack] does not exist")
    code, _, _ = refusal(cloudformation.describe_stack_drift_detection_status, StackDriftDetectionId="none")
    assert code == "ValidationError"
    cloudformation.delete_stack(StackName="not-drifting")
