"""Function URLs in templates: by SAM's FunctionUrlConfig and as AWS::Lambda::Url, made, changed and deleted."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode
from url_rig import Client, ask

CODE = "def handler(event, context):\n    return {'path': event['rawPath']}\n"


def template(**url: Any) -> str:
    settings = {"AuthType": "NONE", **url}
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "InlineCode": CODE,
            "FunctionUrlConfig": settings,
        },
    }
    return json.dumps(
        {
            "Transform": "AWS::Serverless-2016-10-31",
            "Resources": {"Api": function},
            "Outputs": {
                "Url": {"Value": {"Fn::GetAtt": ["ApiUrl", "FunctionUrl"]}},
                "Arn": {"Value": {"Fn::GetAtt": ["ApiUrl", "FunctionArn"]}},
                "Name": {"Value": {"Ref": "Api"}},
            },
        }
    )


def outputs(stacks: Any, name: str) -> dict[str, str]:
    described = stacks.describe_stacks(StackName=name)["Stacks"][0]
    return {one["OutputKey"]: one["OutputValue"] for one in described["Outputs"]}


def test_a_sam_function_with_a_url(node: RunningNode, client: Client) -> None:
    stacks, name = client("cloudformation"), f"urls-{uuid4().hex[:8]}"
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    stacks.create_stack(StackName=name, TemplateBody=template(), Capabilities=capabilities)
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    made = outputs(stacks, name)
    assert made["Arn"].endswith(f":function:{made['Name']}")
    assert ask(node, made["Url"], path="/a/b").json == {"path": "/a/b"}
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["GET"], "MaxAge": 7, "AllowCredentials": True}
    changed = template(Cors=cors, InvokeMode="RESPONSE_STREAM")
    stacks.update_stack(StackName=name, TemplateBody=changed, Capabilities=capabilities)
    stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    config = client("lambda").get_function_url_config(FunctionName=made["Name"])
    assert (config["InvokeMode"], config["FunctionUrl"]) == ("RESPONSE_STREAM", made["Url"])
    assert config["Cors"] == cors
    found = client("cloudcontrol").get_resource(TypeName="AWS::Lambda::Url", Identifier=made["Arn"])
    assert json.loads(found["ResourceDescription"]["Properties"])["FunctionUrl"] == made["Url"]
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert ask(node, made["Url"]).status == 403


def test_a_url_of_the_alias_that_sam_publishes(node: RunningNode, client: Client) -> None:
    stacks, name = client("cloudformation"), f"urls-{uuid4().hex[:8]}"
    document = json.loads(template())
    document["Resources"]["Api"]["Properties"]["AutoPublishAlias"] = "live"
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(document), Capabilities=capabilities)
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    made = outputs(stacks, name)
    assert made["Arn"].endswith(":live")
    assert ask(node, made["Url"]).json == {"path": "/"}
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})


def test_somebody_elses_url_is_not_taken_for_the_stacks_own(client: Client) -> None:
    stacks, name = client("cloudformation"), f"urls-{uuid4().hex[:8]}"
    capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    document = json.loads(template())
    del document["Resources"]["Api"]["Properties"]["FunctionUrlConfig"]
    document["Outputs"] = {"Name": document["Outputs"]["Name"]}
    stacks.create_stack(StackName=name, TemplateBody=json.dumps(document), Capabilities=capabilities)
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    function = outputs(stacks, name)["Name"]
    client("lambda").create_function_url_config(FunctionName=function, AuthType="AWS_IAM")
    url = {
        "Type": "AWS::Lambda::Url",
        "Properties": {"AuthType": "NONE", "TargetFunctionArn": {"Ref": "Api"}},
    }
    document["Resources"]["Url"] = url
    stacks.update_stack(StackName=name, TemplateBody=json.dumps(document), Capabilities=capabilities)
    with pytest.raises(Exception, match="ROLLBACK_COMPLETE"):
        stacks.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert client("lambda").get_function_url_config(FunctionName=function)["AuthType"] == "AWS_IAM"
    stacks.delete_stack(StackName=name)
    stacks.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client("lambda").get_function_url_config(FunctionName=function)
