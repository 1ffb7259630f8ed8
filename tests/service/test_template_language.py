"""Templates with stored parameters, rules, dynamic references, included snippets and macros, by boto3."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from lambda_rig import trust
from waiting import wait_for

Client = Callable[..., Any]
MACRO = """
import json
def handler(event, context):
    print(json.dumps(event))
    params, fragment = event["params"], event["fragment"]
    if params.get("fail"):
        return {"requestId": event["requestId"], "status": "failed", "errorMessage": params["fail"]}
    if params.get("crash"):
        raise ValueError("no")
    if "Resources" in fragment:
        name = event["templateParameterValues"]["Name"]
        fragment["Resources"]["Added"] = {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": name + "-added"}}
        return {"requestId": event["requestId"], "status": "SUCCESS", "fragment": fragment}
    return {"requestId": event["requestId"], "status": "success", "fragment": {**fragment, **params["set"]}}
"""


@pytest.fixture
def name() -> str:
    return f"lang-{uuid4().hex[:8]}"


@pytest.fixture
def stacks(client: Client) -> Any:
    return client("cloudformation")


def group(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::Logs::LogGroup", "Properties": properties}


def proposed(
    stacks: Any, name: str, document: dict[str, Any], kind: str = "CREATE", **params: Any
) -> dict[str, Any]:
    body = json.dumps(document)
    made = stacks.create_change_set(
        StackName=name, ChangeSetName=f"c{uuid4().hex}", ChangeSetType=kind, TemplateBody=body, **params
    )
    return dict(stacks.describe_change_set(ChangeSetName=made["Id"], IncludePropertyValues=True))


def deployed(stacks: Any, name: str, document: dict[str, Any], kind: str = "CREATE") -> dict[str, Any]:
    params = {"Capabilities": ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]}
    changes = proposed(stacks, name, document, kind, **params)
    assert changes["Status"] == "CREATE_COMPLETE", changes["StatusReason"]
    stacks.execute_change_set(ChangeSetName=changes["ChangeSetId"])

    def over() -> dict[str, Any] | None:
        (stack,) = stacks.describe_stacks(StackName=name)["Stacks"]
        return None if stack["StackStatus"].endswith("IN_PROGRESS") else stack

    stack = wait_for(over, 60)
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    assert stack["StackStatus"] in ("CREATE_COMPLETE", "UPDATE_COMPLETE"), [
        one.get("ResourceStatusReason") for one in events
    ]
    return stack


def test_stored_parameters_are_resolved_and_rules_judge_them(client: Client, stacks: Any, name: str) -> None:
    store = client("ssm")
    store.put_parameter(Name=f"/{name}/days", Value="7", Type="String")
    store.put_parameter(Name=f"/{name}/list", Value="a,b", Type="StringList")
    document: dict[str, Any] = {
        "Parameters": {
            "Days": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": f"/{name}/days"},
            "List": {"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": f"/{name}/list:1"},
            "Exists": {"Type": "AWS::SSM::Parameter::Name", "Default": f"/{name}/days"},
        },
        "Rules": {
            "NotForever": {
                "Assertions": [
                    {
                        "Assert": {"Fn::Not": [{"Fn::Contains": [["3650"], {"Ref": "Days"}]}]},
                        "AssertDescription": "Ten years are too long.",
                    }
                ]
            }
        },
        "Resources": {"A": group(RetentionInDays={"Ref": "Days"})},
        "Outputs": {"Second": {"Value": {"Fn::Select": [1, {"Ref": "List"}]}}},
    }
    stack = deployed(stacks, name, document)
    values = {one["ParameterKey"]: one.get("ResolvedValue") for one in stack["Parameters"]}
    assert values == {"Days": "7", "List": "a,b", "Exists": None}
    assert stack["Outputs"][0]["OutputValue"] == "b"

    store.put_parameter(Name=f"/{name}/days", Value="14", Type="String", Overwrite=True)
    changes = proposed(stacks, name, document, "UPDATE")
    assert {one["ParameterKey"]: one.get("ResolvedValue") for one in changes["Parameters"]}["Days"] == "14"
    (detail,) = [one for one in changes["Changes"][0]["ResourceChange"]["Details"] if "CausingEntity" in one]
    assert (detail["CausingEntity"], detail["Target"]["AfterValue"]) == ("Days", "14")

    store.put_parameter(Name=f"/{name}/days", Value="3650", Type="String", Overwrite=True)
    with pytest.raises(ClientError) as broken:
        proposed(stacks, name, document, "UPDATE")
    assert broken.value.response["Error"]["Message"] == "Ten years are too long."
    store.delete_parameter(Name=f"/{name}/days")
    with pytest.raises(ClientError) as absent:
        proposed(stacks, name, document, "UPDATE")
    assert absent.value.response["Error"]["Message"] == (
        f"Unable to fetch parameters [/{name}/days] from parameter store for this account."
    )
    store.put_parameter(Name=f"/{name}/days", Value="7", Type="SecureString")
    with pytest.raises(ClientError) as secure:
        proposed(stacks, name, document, "UPDATE")
    assert secure.value.response["Error"]["Message"] == (
        f"Parameters [/{name}/days] referenced by template have types not supported by CloudFormation."
    )
    stacks.delete_stack(StackName=name)


def test_a_dynamic_reference_gives_its_value(client: Client, stacks: Any, name: str) -> None:
    client("ssm").put_parameter(Name=f"/{name}/topic", Value=f"{name}-topic", Type="String")
    reference = {"Fn::Sub": f"{{{{resolve:ssm:/{name}/${{Which}}:1}}}}"}
    document = {
        "Parameters": {"Which": {"Type": "String", "Default": "topic"}},
        "Resources": {"T": {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": reference}}},
        "Outputs": {"Arn": {"Value": {"Ref": "T"}}},
    }
    stack = deployed(stacks, name, document)
    assert stack["Outputs"][0]["OutputValue"].endswith(f":{name}-topic")
    stacks.delete_stack(StackName=name)


def test_a_macro_and_an_included_snippet_process_a_template(client: Client, stacks: Any, name: str) -> None:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": trust("lambda.amazonaws.com")},
    }
    code = {
        "Type": "AWS::Lambda::Function",
        "Properties": {
            "Runtime": "python3.12",
            "Handler": "index.handler",
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"ZipFile": MACRO},
        },
    }
    macro = {
        "Type": "AWS::CloudFormation::Macro",
        "Properties": {"Name": name, "FunctionName": {"Ref": "Code"}, "LogGroupName": {"Ref": "Group"}},
    }
    owner = f"{name}-macro"
    deployed(stacks, owner, {"Resources": {"Role": role, "Code": code, "Macro": macro, "Group": group()}})
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_object(
        Bucket=name, Key="snippet.yaml", Body=b"RetentionInDays: 14\nLogGroupName: !Sub '${Name}-own'\n"
    )
    include = {"Name": "AWS::Include", "Parameters": {"Location": {"Fn::Sub": "s3://${Name}/snippet.yaml"}}}
    document: dict[str, Any] = {
        "Transform": [name, "AWS::LanguageExtensions"],
        "Parameters": {"Name": {"Type": "String", "Default": name}},
        "Resources": {
            "A": {"Type": "AWS::Logs::LogGroup", "Properties": {"Fn::Transform": include}},
            "B": group(**{"Fn::Transform": {"Name": name, "Parameters": {"set": {"RetentionInDays": 3}}}}),
            "Fn::ForEach::More": ["N", ["C", "D"], {"Group${N}": group()}],
        },
    }
    deployed(stacks, name, document)
    made = stacks.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"]["Resources"]
    assert made["A"]["Properties"] == {"RetentionInDays": 14, "LogGroupName": {"Fn::Sub": "${Name}-own"}}
    assert made["B"]["Properties"] == {"RetentionInDays": 3}
    assert sorted(made) == ["A", "Added", "B", "GroupC", "GroupD"]
    assert "Fn::Transform" in str(stacks.get_template(StackName=name)["TemplateBody"])
    summary = stacks.get_template_summary(StackName=name)
    assert summary["DeclaredTransforms"] == [name, "AWS::LanguageExtensions", "AWS::Include"]
    with pytest.raises(ClientError) as capability:
        stacks.create_stack(StackName=f"{name}-2", TemplateBody=json.dumps(document))
    assert capability.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"

    for parameters, reason in (
        ({"fail": "too few"}, f"Transform 000000000000::{name} failed with: too few"),
        ({"crash": True}, f"Received malformed response from transform 000000000000::{name}"),
    ):
        failing = {"Resources": {"B": group(**{"Fn::Transform": {"Name": name, "Parameters": parameters}})}}
        changes = proposed(stacks, name, failing, "UPDATE")
        assert (changes["Status"], changes["StatusReason"]) == ("FAILED", reason)
    resources = stacks.describe_stack_resources(StackName=owner)["StackResources"]
    (log,) = [one["PhysicalResourceId"] for one in resources if one["LogicalResourceId"] == "Group"]
    assert len(client("logs").describe_log_streams(logGroupName=log)["logStreams"]) == 2
    for stack in (name, owner):
        stacks.delete_stack(StackName=stack)


def test_a_summary_tells_what_a_template_declares(stacks: Any, client: Client, name: str) -> None:
    document = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "d",
        "Metadata": {"a": {"b": 1}},
        "Parameters": {"P": {"Type": "Number", "Default": 1, "AllowedValues": [1, "2"], "NoEcho": "true"}},
        "Resources": {
            "B": {"Type": "AWS::S3::Bucket"},
            "A": {"Type": "AWS::S3::Bucket"},
            "R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r", "AssumeRolePolicyDocument": {}}},
            "X": {"Type": "Nothing"},
        },
    }
    body = json.dumps(document)
    with pytest.raises(ClientError, match=r"Unrecognized resource types: \[Nothing\]"):
        stacks.get_template_summary(TemplateBody=body)
    config = {"TreatUnrecognizedResourceTypesAsWarnings": True}
    summary = stacks.get_template_summary(TemplateBody=body, TemplateSummaryConfig=config)
    del summary["ResponseMetadata"]
    assert summary == {
        "Parameters": [
            {
                "ParameterKey": "P", "DefaultValue": "1", "ParameterType": "Number", "NoEcho": True,
                "ParameterConstraints": {"AllowedValues": ["1", "2"]},
            }
        ],
        "Description": "d",
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "CapabilitiesReason": "The following resource(s) require capabilities: [AWS::IAM::Role]",
        "ResourceTypes": ["AWS::IAM::Role", "AWS::S3::Bucket", "Nothing"],
        "Version": "2010-09-09",
        "Metadata": '{"a":{"b":1}}',
        "DeclaredTransforms": [],
        "ResourceIdentifierSummaries": [
            {"ResourceType": "AWS::IAM::Role", "LogicalResourceIds": ["R"], "ResourceIdentifiers": ["RoleName"]},
            {
                "ResourceType": "AWS::S3::Bucket",
                "LogicalResourceIds": ["B", "A"],
                "ResourceIdentifiers": ["BucketName"],
            },
        ],
        "Warnings": {"UnrecognizedResourceTypes": ["Nothing"]},
    }  # fmt: skip
    plain = json.dumps({"Resources": {"B": {"Type": "AWS::S3::Bucket"}}})
    stacks.create_stack_set(StackSetName=name, TemplateBody=plain)
    assert stacks.get_template_summary(StackSetName=name)["ResourceTypes"] == ["AWS::S3::Bucket"]
    with pytest.raises(ClientError, match="Only one of"):
        stacks.get_template_summary(StackSetName=name, TemplateBody=plain)
    stacks.delete_stack_set(StackSetName=name)
    wrong = {
        "Resources": {"A": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {"O": {"Value": {"Fn::GetAtt": "A.Nope"}}},
    }
    with pytest.raises(ClientError, match="resource A does not support attribute type Nope in Fn::GetAtt"):
        stacks.validate_template(TemplateBody=json.dumps(wrong))


def test_an_output_of_another_stack_is_read_without_an_export(client: Client, stacks: Any, name: str) -> None:
    elsewhere = client("cloudformation", region="eu-west-1")
    outputs = {"Name": {"Value": f"/{name}/far"}}
    deployed(elsewhere, name, {"Resources": {"A": group()}, "Outputs": outputs})
    reference = {"StackName": {"Ref": "Other"}, "OutputName": "Name", "Region": "eu-west-1"}
    document: dict[str, Any] = {
        "Parameters": {"Other": {"Type": "String", "Default": name}},
        "Resources": {"B": group(LogGroupName={"Fn::GetStackOutput": reference})},
        "Outputs": {"O": {"Value": {"Ref": "B"}}},
    }
    stack = deployed(stacks, name, document)
    assert stack["Outputs"][0]["OutputValue"] == f"/{name}/far"
    reference["OutputName"] = "None"
    with pytest.raises(ClientError, match=f"Output None of stack {name} does not exist"):
        proposed(stacks, name, document, "UPDATE")
    reference["StackName"] = "none"
    with pytest.raises(ClientError, match="Stack with id none does not exist"):
        proposed(stacks, name, document, "UPDATE")
    for one in (stacks, elsewhere):
        one.delete_stack(StackName=name)


def test_a_secret_reaches_its_resource_and_nothing_that_shows_the_stack(
    client: Client, stacks: Any, name: str
) -> None:
    secret = client("secretsmanager").create_secret(
        Name=name, SecretString=json.dumps({"title": "hunter22", "n": 1})
    )["ARN"]
    title = f"{{{{resolve:secretsmanager:{secret}:SecretString:title:AWSCURRENT}}}}"
    document = {
        "Resources": {
            "T": {
                "Type": "AWS::SNS::Topic",
                "Properties": {
                    "DisplayName": {"Fn::Join": ["-", [title, f"{{{{resolve:secretsmanager:{name}::n}}}}"]]}
                },
            }
        },
        "Outputs": {"Arn": {"Value": {"Ref": "T"}}},
    }
    stack = deployed(stacks, name, document)
    topic = client("sns").get_topic_attributes(TopicArn=stack["Outputs"][0]["OutputValue"])
    assert topic["Attributes"]["DisplayName"] == "hunter22-1"
    detection = stacks.detect_stack_drift(StackName=name)["StackDriftDetectionId"]

    def detected() -> bool:
        status = stacks.describe_stack_drift_detection_status(StackDriftDetectionId=detection)
        return bool(status["DetectionStatus"] == "DETECTION_COMPLETE")

    wait_for(detected)
    drifts = stacks.describe_stack_resource_drifts(StackName=name)["StackResourceDrifts"]
    assert [one["StackResourceDriftStatus"] for one in drifts] == ["IN_SYNC"]
    shown = [
        drifts,
        stacks.describe_stack_events(StackName=name)["StackEvents"],
        stacks.describe_stacks(StackName=name)["Stacks"],
        stacks.get_template(StackName=name, TemplateStage="Processed")["TemplateBody"],
        proposed(stacks, name, {**document, "Outputs": {}}, "UPDATE"),
    ]
    assert "hunter22" not in json.dumps(shown, default=str)
    stacks.delete_stack(StackName=name)
