"""The lives of the types of CloudFormation itself, and of the CDK."""

from __future__ import annotations

from type_lives import Drift, Life
from type_lives.lambda_ import CODE, ROLE

ANSWERING = """import cfnresponse
def handler(event, context):
    fails = event["ResourceProperties"]["Value"] == "fails" and event["RequestType"] == "Create"
    cfnresponse.send(event, context, "FAILED" if fails else "SUCCESS", {}, event["LogicalResourceId"])
"""
FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {**CODE, "Code": {"ZipFile": ANSWERING}}}

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
