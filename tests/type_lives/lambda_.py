"""The lives of the types of Lambda."""

from __future__ import annotations

import sys
from typing import Any

from type_lives import Drift, Life
from type_lives.iam import TRUST

ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
POLLS = {
    "Effect": "Allow",
    "Action": ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
    "Resource": "*",
}
POLLING_ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": TRUST,
        "Policies": [
            {"PolicyName": "polls", "PolicyDocument": {"Version": "2012-10-17", "Statement": [POLLS]}}
        ],
    },
}
QUEUE = {"Type": "AWS::SQS::Queue"}
CODE = {
    "Runtime": f"python3.{sys.version_info.minor}",
    "Handler": "index.handler",
    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
    "Code": {"ZipFile": "def handler(event, context):\n    return event"},
}
FUNCTION = {"Type": "AWS::Lambda::Function", "Properties": {**CODE, "FunctionName": "NAME"}}
OTHER = {"Type": "AWS::Lambda::Function", "Properties": CODE}
VERSION = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Function"}}}
REF = {"Ref": "Function"}
ARN = {"Fn::GetAtt": ["Function", "Arn"]}
LAYER = {
    "Type": "AWS::Lambda::LayerVersion",
    "Properties": {"Content": {"S3Bucket": "type-lives", "S3Key": "layer.zip"}},
}


def rename_permission(client: Any, id: str, name: str) -> None:
    client("lambda").remove_permission(FunctionName=name, StatementId=id)
    client("lambda").add_permission(
        FunctionName=name, StatementId=id, Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )


LIVES = [
    Life(
        "AWS::Lambda::Function",
        {
            **CODE,
            "Environment": {"Variables": {"AA": "1"}},
            "Timeout": "5",
            "ReservedConcurrentExecutions": "2",
            "Tags": [{"Key": "a", "Value": "1"}],
        },
        update={"Timeout": 7, "MemorySize": "256"},
        replacement={"FunctionName": "NAME-other"},
        failing={"Role": "arn:aws:iam::000000000000:user/none"},
        drift=Drift(
            lambda client, id, name: client("lambda").update_function_configuration(
                FunctionName=id, Environment={"Variables": {"AA": "1", "BB": "2"}}
            ),
            "/Environment/Variables/BB",
            "ADD",
        ),
        around={"Role": ROLE},
    ),
    Life(
        "AWS::Lambda::Version",
        {"FunctionName": REF},
        update=None,
        replacement={"FunctionName": {"Ref": "Other"}},
        failing={"FunctionName": "NAME-none"},
        drift=None,
        around={"Role": ROLE, "Function": FUNCTION, "Other": OTHER},
        why_not="a version never changes",
    ),
    Life(
        "AWS::Lambda::Alias",
        {"FunctionName": REF, "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]}, "Name": "live"},
        update={"Description": "two"},
        replacement={"Name": "other"},
        failing={"FunctionVersion": "99"},
        drift=Drift(
            lambda client, id, name: client("lambda").update_alias(
                FunctionName=name, Name="live", Description="changed"
            ),
            "/Description",
        ),
        around={"Role": ROLE, "Function": FUNCTION, "Version": VERSION},
    ),
    Life(
        "AWS::Lambda::EventInvokeConfig",
        {"FunctionName": REF, "Qualifier": "$LATEST", "MaximumRetryAttempts": "1"},
        update={"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 100},
        replacement={"FunctionName": {"Ref": "Other"}},
        failing={"FunctionName": "NAME-none"},
        drift=Drift(
            lambda client, id, name: client("lambda").update_function_event_invoke_config(
                FunctionName=name, Qualifier="$LATEST", MaximumEventAgeInSeconds=200
            ),
            "/MaximumEventAgeInSeconds",
        ),
        around={"Role": ROLE, "Function": FUNCTION, "Other": OTHER},
    ),
    Life(
        "AWS::Lambda::EventSourceMapping",
        {"FunctionName": REF, "EventSourceArn": {"Fn::GetAtt": ["Queue", "Arn"]}, "Enabled": "false"},
        update={"BatchSize": "5", "FunctionName": ARN},
        replacement={"EventSourceArn": {"Fn::GetAtt": ["OtherQueue", "Arn"]}},
        failing={"FunctionName": "NAME-none"},
        drift=Drift(
            lambda client, id, name: client("lambda").update_event_source_mapping(UUID=id, BatchSize=7),
            "/BatchSize",
        ),
        around={"Role": POLLING_ROLE, "Function": FUNCTION, "Queue": QUEUE, "OtherQueue": QUEUE},
    ),
    Life(
        "AWS::Lambda::Url",
        {"TargetFunctionArn": REF, "AuthType": "NONE"},
        update={"Cors": {"AllowOrigins": ["https://example.com"], "MaxAge": "10"}},
        replacement={"TargetFunctionArn": {"Ref": "Other"}},
        failing={"TargetFunctionArn": "NAME-none"},
        drift=Drift(
            lambda client, id, name: client("lambda").update_function_url_config(
                FunctionName=name, AuthType="AWS_IAM"
            ),
            "/AuthType",
        ),
        around={"Role": ROLE, "Function": FUNCTION, "Other": OTHER},
    ),
    Life(
        "AWS::Lambda::Permission",
        {
            "FunctionName": REF,
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceAccount": {"Ref": "AWS::AccountId"},
        },
        update=None,
        replacement={"Principal": "sns.amazonaws.com"},
        failing={"FunctionName": "NAME-none"},
        drift=Drift(rename_permission, "/Principal"),
        around={"Role": ROLE, "Function": FUNCTION},
        why_not="each change of a permission is another one",
    ),
    Life(
        "AWS::Lambda::LayerVersion",
        {"Content": {"S3Bucket": "type-lives", "S3Key": "layer.zip"}, "LayerName": "NAME"},
        update=None,
        replacement={"Description": "other"},
        failing={"Content": {"S3Bucket": "type-lives", "S3Key": "none.zip"}},
        drift=None,
        why_not="a version of a layer never changes",
    ),
    Life(
        "AWS::Lambda::LayerVersionPermission",
        {
            "Action": "lambda:GetLayerVersion",
            "LayerVersionArn": {"Ref": "Layer"},
            "Principal": "111111111111",
        },
        update=None,
        replacement={"Principal": "222222222222"},
        failing={"LayerVersionArn": "arn:aws:lambda:us-east-1:000000000000:layer:NAME-none:1"},
        drift=None,
        around={"Layer": LAYER},
        why_not="each change of a permission is another one",
    ),
]
