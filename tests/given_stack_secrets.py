"""Gives a node the secrets that stacks can have: parameters, dynamic references, answers and links of resources."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from forwarding_rig import Elsewhere
from given_secrets import ACCOUNT, CODE, Collected
from nodes import RunningNode

VARIABLES = {
    "PASSWORD": {"Ref": "Word"},
    "RESOLVED": "{{resolve:secretsmanager:shop:SecretString:password}}",
    "TELL": {"Ref": "Tell"},
}
TEMPLATE: dict[str, Any] = {
    "Parameters": {"Word": {"Type": "String", "NoEcho": True}, "Tell": {"Type": "String"}, "Role": {"Type": "String"}},
    "Resources": {
        "Function": {
            "Type": "AWS::Lambda::Function",
            "Properties": {
                "Runtime": f"python3.{sys.version_info.minor}",
                "Handler": "index.handler",
                "Code": {"ZipFile": CODE},
                "Role": {"Ref": "Role"},
                "Environment": {"Variables": VARIABLES},
            },
        },
        "Custom": {
            "Type": "Custom::Thing",
            "Properties": {"ServiceToken": {"Fn::GetAtt": ["Function", "Arn"]}, "Word": {"Ref": "Word"}},
        },
        "OfAnswer": {
            "Type": "AWS::SSM::Parameter",
            "DependsOn": "Custom",
            "Properties": {"Type": "String", "Name": "plain", "Value": "plain"},
        },
        "User": {
            "Type": "AWS::IAM::User",
            "Properties": {"LoginProfile": {"Password": {"Fn::Sub": "${Word}-1"}}},
        },
        "Connection": {
            "Type": "AWS::Events::Connection",
            "Properties": {
                "AuthorizationType": "API_KEY",
                "AuthParameters": {
                    "ApiKeyAuthParameters": {
                        "ApiKeyName": "x",
                        "ApiKeyValue": "{{resolve:secretsmanager:shop:SecretString:password}}",
                    }
                },
            },
        },
    },
}  # fmt: skip


def give_stacks(node: RunningNode, server: Elsewhere, collected: Collected) -> None:
    formation = node.client("cloudformation")
    role = f"arn:aws:iam::{ACCOUNT}:role/worker"
    given = [
        {"ParameterKey": "Word", "ParameterValue": "hush-stack-parameter"},
        {"ParameterKey": "Tell", "ParameterValue": f"{server.url}/tell"},
        {"ParameterKey": "Role", "ParameterValue": role},
    ]
    formation.create_stack(
        StackName="s", TemplateBody=json.dumps(TEMPLATE), Parameters=given, Capabilities=["CAPABILITY_IAM"]
    )
    formation.get_waiter("stack_create_complete").wait(StackName="s", WaiterConfig={"Delay": 1})
    (url,) = [one.body for one in server.requests if one.path == "/tell"]
    collected.add("link of a custom resource", urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1])
    formation.create_change_set(
        StackName="s",
        ChangeSetName="c",
        Capabilities=["CAPABILITY_IAM"],
        TemplateBody=json.dumps(TEMPLATE),
        Parameters=[
            {"ParameterKey": "Word", "ParameterValue": "hush-change-set"},
            *({"ParameterKey": name, "UsePreviousValue": True} for name in ("Tell", "Role")),
        ],
    )
    formation.get_waiter("change_set_create_complete").wait(
        StackName="s", ChangeSetName="c", WaiterConfig={"Delay": 1}
    )
    shown = json.dumps(formation.describe_change_set(StackName="s", ChangeSetName="c"), default=str)
    assert "hush-" not in shown
    told = json.dumps(formation.describe_stack_events(StackName="s")["StackEvents"], default=str)
    assert "hush-" not in told
    secret = {"Parameters": {"Word": {"Type": "String", "NoEcho": True}}, "Resources": {
        "Secret": {"Type": "AWS::SecretsManager::Secret", "Properties": {"SecretString": {"Ref": "Word"}}}
    }}  # fmt: skip
    formation.create_stack_set(
        StackSetName="set",
        TemplateBody=json.dumps(secret),
        Parameters=[{"ParameterKey": "Word", "ParameterValue": "hush-stack-set"}],
    )
    formation.create_stack_instances(
        StackSetName="set",
        Accounts=[ACCOUNT],
        Regions=["eu-west-1"],
        ParameterOverrides=[{"ParameterKey": "Word", "ParameterValue": "hush-override"}],
    )
    node.client("s3").put_object(Bucket="linked", Key="nested.json", Body=json.dumps(secret).encode())
    nested = {"Parameters": secret["Parameters"], "Resources": {"Nested": {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {
            "TemplateURL": "https://s3.amazonaws.com/linked/nested.json", "Parameters": {"Word": {"Ref": "Word"}}
        },
    }}}  # fmt: skip
    formation.create_stack(
        StackName="nested",
        TemplateBody=json.dumps(nested),
        Parameters=[{"ParameterKey": "Word", "ParameterValue": "hush-nested"}],
    )
    formation.get_waiter("stack_create_complete").wait(StackName="nested", WaiterConfig={"Delay": 1})
    node.client("cloudcontrol").create_resource(
        TypeName="AWS::SecretsManager::Secret",
        DesiredState=json.dumps({"Name": "controlled", "SecretString": "hush-desired-state"}),
    )
