"""Functions of templates: provisioned concurrency, permissions of layers, loops, and what SAM makes of its events."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambda_rig import layer, trust
from waiting import wait_for

Client = Callable[..., Any]
CODE = """
import json, os
def handler(event, context):
    print("GOT", json.dumps(event))
    return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
"""
OTHER = "111122223333"


@pytest.fixture
def stack() -> str:
    return f"fn-{uuid4().hex[:8]}"


def deploy(client: Client, stack: str, resources: dict[str, Any], **template: Any) -> dict[str, str]:
    """Create the stack or update it, and return its outputs."""
    stacks = client("cloudformation")
    body = json.dumps({"Resources": resources, **template})
    asked = {
        "StackName": stack,
        "TemplateBody": body,
        "Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    }
    try:
        stacks.describe_stacks(StackName=stack)
        stacks.update_stack(**asked)
    except stacks.exceptions.ClientError as error:
        if "does not exist" not in str(error):
            raise
        stacks.create_stack(**asked)

    def ended() -> dict[str, Any] | None:
        (found,) = stacks.describe_stacks(StackName=stack)["Stacks"]
        return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

    found = wait_for(ended, 60)
    if found["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        events = stacks.describe_stack_events(StackName=stack)["StackEvents"]
        reasons = [one.get("ResourceStatusReason") for one in events if "FAILED" in one["ResourceStatus"]]
        raise AssertionError(f"{found['StackStatus']}: {reasons}")
    return {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", [])}


def function(stack: str, **properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "FunctionName": stack,
            "Runtime": "python3.11",
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": CODE},
            **properties,
        },
    }


ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")},
}


def kind(functions: Any, name: str, qualifier: str) -> Any:
    return json.load(functions.invoke(FunctionName=name, Qualifier=qualifier, Payload=b"{}")["Payload"])


def test_settings_of_a_function_its_version_and_its_alias(client: Client, stack: str) -> None:
    functions = client("lambda")
    key = client("kms").create_key()["KeyMetadata"]["Arn"]
    provisioned = {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1}}

    def resources(loop: dict[str, Any], **of_alias: Any) -> dict[str, Any]:
        return {
            "Role": ROLE,
            "Function": function(stack, **loop),
            "Version": {
                "Type": "AWS::Lambda::Version",
                "Properties": {
                    "FunctionName": {"Ref": "Function"},
                    "RuntimePolicy": {"UpdateRuntimeOn": "FunctionUpdate"},
                },
            },
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {
                    "Name": "live",
                    "FunctionName": {"Ref": "Function"},
                    "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]},
                    **of_alias,
                },
            },
        }

    settings = {
        "RecursiveLoop": "Allow",
        "RuntimeManagementConfig": {"UpdateRuntimeOn": "FunctionUpdate"},
        "KmsKeyArn": key,
    }
    deploy(client, stack, resources(settings, **provisioned))
    assert kind(functions, stack, "live") == "provisioned-concurrency"
    assert functions.get_function_recursion_config(FunctionName=stack)["RecursiveLoop"] == "Allow"
    for qualifier in ("$LATEST", "1"):
        config = functions.get_runtime_management_config(FunctionName=stack, Qualifier=qualifier)
        assert config["UpdateRuntimeOn"] == "FunctionUpdate"
    assert functions.get_function_configuration(FunctionName=stack)["KMSKeyArn"] == key

    deploy(client, stack, resources({}))
    assert functions.get_function_recursion_config(FunctionName=stack)["RecursiveLoop"] == "Terminate"
    assert functions.get_runtime_management_config(FunctionName=stack)["UpdateRuntimeOn"] == "Auto"
    assert "KMSKeyArn" not in functions.get_function_configuration(FunctionName=stack)
    assert (
        functions.list_provisioned_concurrency_configs(FunctionName=stack)["ProvisionedConcurrencyConfigs"]
        == []
    )


def test_provisioned_concurrency_of_a_version(client: Client, stack: str) -> None:
    functions = client("lambda")

    def resources(count: int, **more: Any) -> dict[str, Any]:
        config = {"ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": count}}
        version = {"FunctionName": {"Ref": "Function"}, **config}
        return {
            "Role": ROLE,
            "Function": function(stack, **more),
            "Version": {"Type": "AWS::Lambda::Version", "Properties": version},
        }

    deploy(client, stack, resources(1))
    assert kind(functions, stack, "1") == "provisioned-concurrency"
    deploy(client, stack, resources(2))
    config = functions.get_provisioned_concurrency_config(FunctionName=stack, Qualifier="1")
    assert (config["RequestedProvisionedConcurrentExecutions"], config["Status"]) == (2, "READY")
    stacks = client("cloudformation")
    stacks.delete_stack(StackName=stack)
    wait_for(lambda: stack not in [one["FunctionName"] for one in functions.list_functions()["Functions"]])

    broken = stack + "-broken"
    with pytest.raises(AssertionError, match="FUNCTION_ERROR_INIT_FAILURE"):
        deploy(client, broken, resources(1, Code={"ZipFile": "raise ValueError('broken')"}))


def test_who_may_use_a_layer(client: Client, stack: str) -> None:
    client("s3").create_bucket(Bucket=stack)
    client("s3").put_object(Bucket=stack, Key="layer.zip", Body=layer())
    shared = {
        "Type": "AWS::Lambda::LayerVersion",
        "Properties": {"Content": {"S3Bucket": stack, "S3Key": "layer.zip"}},
    }
    permission = {
        "Type": "AWS::Lambda::LayerVersionPermission",
        "Properties": {
            "Action": "lambda:GetLayerVersion",
            "LayerVersionArn": {"Ref": "Shared"},
            "Principal": OTHER,
        },
    }
    outputs = {"Layer": {"Value": {"Ref": "Shared"}}, "Permission": {"Value": {"Ref": "Permission"}}}
    resources = {"Shared": shared, "Permission": permission}
    arn = deploy(client, stack, resources, Outputs=outputs)["Layer"]
    other = client("lambda", account=OTHER)
    assert other.get_layer_version_by_arn(Arn=arn)["LayerVersionArn"] == arn
    deploy(client, stack, {"Shared": shared}, Outputs={"Layer": outputs["Layer"]})
    with pytest.raises(ClientError, match="AccessDenied"):
        other.get_layer_version_by_arn(Arn=arn)


def sam_function(**properties: Any) -> dict[str, Any]:
    return {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "Runtime": "python3.11",
            "Handler": "index.handler",
            "InlineCode": CODE,
            **properties,
        },
    }


TRANSFORM = {"Transform": "AWS::Serverless-2016-10-31"}


def test_a_sam_function_with_an_alias_and_events_of_every_kind(client: Client, stack: str) -> None:
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": stack}}
    resources: dict[str, Any] = {
        "Orders": {"Type": "AWS::SQS::Queue"},
        "Ended": {"Type": "AWS::SQS::Queue"},
        "News": {"Type": "AWS::SNS::Topic"},
        "Bus": bus,
        "Worker": sam_function(
            AutoPublishAlias="live",
            ProvisionedConcurrencyConfig={"ProvisionedConcurrentExecutions": 1},
            EventInvokeConfig={
                "MaximumRetryAttempts": 0,
                "DestinationConfig": {
                    "OnSuccess": {"Type": "SQS", "Destination": {"Fn::GetAtt": ["Ended", "Arn"]}}
                },
            },
            Events={
                "Order": {
                    "Type": "SQS",
                    "Properties": {"Queue": {"Fn::GetAtt": ["Orders", "Arn"]}, "BatchSize": 1},
                },
                "New": {"Type": "SNS", "Properties": {"Topic": {"Ref": "News"}}},
                "Placed": {
                    "Type": "EventBridgeRule",
                    "Properties": {"EventBusName": {"Ref": "Bus"}, "Pattern": {"source": ["shop"]}},
                },
                "Nightly": {"Type": "Schedule", "Properties": {"Schedule": "rate(1 day)", "Name": stack}},
            },
        ),
    }
    names = ("Orders", "Ended", "News", "Worker")
    outputs = {name: {"Value": {"Ref": name}} for name in names} | {
        "Version": {"Value": {"Ref": "Worker.Version"}}
    }
    made = deploy(client, stack, resources, Outputs=outputs, **TRANSFORM)
    functions, name = client("lambda"), made["Worker"]
    assert kind(functions, name, "live") == "provisioned-concurrency"
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"
    assert made["Version"].endswith(":1")
    rule = client("events").describe_rule(Name=stack)
    assert (rule["ScheduleExpression"], rule["State"]) == ("rate(1 day)", "ENABLED")
    (target,) = client("events").list_targets_by_rule(Rule=stack)["Targets"]
    assert target["Arn"].endswith(f"{name}:live")

    client("sqs").send_message(QueueUrl=made["Orders"], MessageBody="an order")
    client("sns").publish(TopicArn=made["News"], Message="some news")
    entry = {"EventBusName": stack, "Source": "shop", "DetailType": "placed", "Detail": '{"n": 1}'}
    client("events").put_events(Entries=[entry])
    logs, seen = client("logs"), set[str]()

    def all_arrived() -> bool:
        found = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}", filterPattern="GOT")["events"]
        text = " ".join(event["message"] for event in found)
        seen.update(word for word in ("an order", "some news", "placed") if word in text)
        return len(seen) == 3

    wait_for(all_arrived)
    records: list[dict[str, Any]] = []

    def both_recorded() -> bool:
        messages = client("sqs").receive_message(
            QueueUrl=made["Ended"], MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        records.extend(json.loads(one["Body"]) for one in messages.get("Messages", []))
        return len(records) >= 2

    wait_for(both_recorded)
    assert {one["requestContext"]["functionArn"].rsplit(":", 1)[1] for one in records} == {"live"}

    resources["Worker"]["Properties"]["InlineCode"] = CODE + "# changed\n"
    changed = deploy(client, stack, resources, Outputs=outputs, **TRANSFORM)
    assert changed["Version"].endswith(":2")
    assert kind(functions, name, "live") == "provisioned-concurrency"
    assert functions.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "2"


def test_a_deployment_preference_is_refused_with_what_to_do(client: Client, stack: str) -> None:
    preference = {"Type": "Canary10Percent5Minutes"}
    worker = sam_function(AutoPublishAlias="live", DeploymentPreference=preference)
    with pytest.raises(ClientError) as caught:
        deploy(client, stack, {"Worker": worker}, **TRANSFORM)
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert "DeploymentPreference of Worker is not supported" in error["Error"]["Message"]
    assert "Enabled: false" in error["Error"]["Message"]
    worker["Properties"]["DeploymentPreference"] = preference | {"Enabled": False}
    made = deploy(client, stack, {"Worker": worker}, Outputs={"F": {"Value": {"Ref": "Worker"}}}, **TRANSFORM)
    assert kind(client("lambda"), made["F"], "live") == "on-demand"
