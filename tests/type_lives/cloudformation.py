"""The lives of the types of CloudFormation itself, and of the CDK."""

from __future__ import annotations

import json
from typing import Any

from type_lives import Drift, Life
from type_lives.lambda_ import CODE, ROLE

ANSWERING = """import cfnresponse
def handler(event, context):
    fails = event["ResourceProperties"]["Value"] == "fails" and event["RequestType"] == "Create"
    cfnresponse.send(event, context, "FAILED" if fails else "SUCCESS", {}, event["LogicalResourceId"])
"""
FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {**CODE, "Code": {"ZipFile": ANSWERING}, "Timeout": "60"},  # on a busy machine, too
}
INSTANCE = {
    "Parameters": {"Days": {"Type": "Number"}},
    "Resources": {
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": {"Ref": "Days"}}}
    },
}


def targets(region: str) -> dict[str, Any]:
    return {"DeploymentTargets": {"Accounts": ["111111111111"]}, "Regions": [region]}


def change_stack_set(client: Any, id: str, name: str) -> None:
    days = [{"ParameterKey": "Days", "ParameterValue": "7"}]
    client("cloudformation").update_stack_set(StackSetName=id, UsePreviousTemplate=True, Parameters=days)


LIVES = [
    Life(
        "AWS::CloudFormation::Stack",
        {"TemplateURL": "https://s3.amazonaws.com/type-lives/nested.json", "Parameters": {"Days": "3"}},
        update={"Parameters": {"Days": 5}},
        replacement=None,
        failing={"Parameters": {"Days": "2"}},
        drift=Drift(
            lambda client, id, name: [
                client("cloudformation").update_stack(
                    StackName=id,
                    UsePreviousTemplate=True,
                    Parameters=[{"ParameterKey": "Days", "ParameterValue": "7"}],
                ),
                client("cloudformation")
                .get_waiter("stack_update_complete")
                .wait(StackName=id, WaiterConfig={"Delay": 1}),
            ],
            "/Parameters/Days",
        ),
    ),
    Life(
        "AWS::CloudFormation::StackSet",
        {
            "StackSetName": "NAME",
            "PermissionModel": "SELF_MANAGED",
            "TemplateBody": json.dumps(INSTANCE),
            "Parameters": [{"ParameterKey": "Days", "ParameterValue": "3"}],
            "StackInstancesGroup": [targets("eu-west-1")],
        },
        update={
            "Description": "two",
            "Parameters": [{"ParameterKey": "Days", "ParameterValue": 5}],
            "StackInstancesGroup": [targets("us-west-2")],
        },
        replacement={"StackSetName": "NAME-other"},
        failing={"Parameters": [{"ParameterKey": "Days", "ParameterValue": "2"}]},
        drift=Drift(change_stack_set, "/Parameters/0/ParameterValue"),
    ),
    Life(
        "AWS::CloudFormation::WaitConditionHandle",
        {},
        update=None,
        replacement=None,
        failing=None,
        drift=None,
        why_not="a handle is a URL without properties",
    ),
    Life(
        "AWS::CloudFormation::CustomResource",
        {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "Value": "one"},
        update={"Value": "two"},
        replacement=None,
        failing={"Value": "fails"},
        drift=None,
        around={"Role": ROLE, "Function": FUNCTION},
        why_not="CloudFormation cannot see what a custom resource is; its function decides on a replacement",
    ),
    Life(
        "AWS::CloudFormation::WaitCondition",
        {},
        update=None,
        replacement=None,
        failing={"Handle": "nothing", "Timeout": "1"},
        drift=None,
        attributes={"CreationPolicy": {"ResourceSignal": {"Count": "0", "Timeout": "PT1S"}}},
        why_not="a wait condition cannot be updated, and is over once it is made",
    ),
    Life(
        "AWS::CloudFormation::Macro",
        {"Name": "NAME", "FunctionName": {"Fn::GetAtt": ["Function", "Arn"]}},
        update={"Description": "two"},
        replacement={"Name": "NAME-other"},
        failing=None,
        drift=None,
        around={"Role": ROLE, "Function": FUNCTION},
        why_not="a macro is nothing but its stack's record",
    ),
    Life(
        "AWS::CDK::Metadata",
        {"Analytics": "one"},
        update={"Analytics": "two"},
        replacement=None,
        failing=None,
        drift=None,
        why_not="it makes nothing",
    ),
]
