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
            lambda client, id, name: client("cloudformation").update_stack(
                StackName=id,
                UsePreviousTemplate=True,
                Parameters=[{"ParameterKey": "Days", "ParameterValue": "7"}],
            ),
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
        "AWS::CDK::Metadata",
        {"Analytics": "one"},
        update={"Analytics": "two"},
        replacement=None,
        failing=None,
        drift=None,
        why_not="it makes nothing",
    ),
]
