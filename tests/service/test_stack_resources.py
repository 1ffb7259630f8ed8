"""Every resource type in one stack: made, changed in place and by replacement, rolled back, deleted."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from waiting import wait_for

RUNTIME = f"python3.{sys.version_info.minor}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
OWNER = {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}}
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
POLICY = {"Version": "2012-10-17", "Statement": [READ]}


def layer() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("python/shared.py", "VALUE = 'from the layer'")
    return buffer.getvalue()


def template(bucket: str, endpoint: str, version: int = 1) -> dict[str, Any]:
    code = f"import shared\ndef handler(event, context):\n    return [{version}, shared.VALUE]"
    function = {"Ref": "Function"}
    return {
        "Resources": {
            "Role": {
                "Type": "AWS::IAM::Role",
                "Properties": {
                    "AssumeRolePolicyDocument": TRUST,
                    "Description": f"version {version}",
                    "ManagedPolicyArns": [{"Ref": "Managed"}],
                    "Policies": [{"PolicyName": f"inline-{version}", "PolicyDocument": POLICY}],
                },
            },
            "Inline": {
                "Type": "AWS::IAM::Policy",
                "Properties": {"PolicyName": "own", "PolicyDocument": POLICY, "Roles": [{"Ref": "Role"}]},
            },
            "Managed": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": {"PolicyDocument": {**POLICY, "Id": f"version-{version}"}},
            },
            "Layer": {
                "Type": "AWS::Lambda::LayerVersion",
                "Properties": {"Content": {"S3Bucket": bucket, "S3Key": "layer.zip"}},
            },
            "Function": {
                "Type": "AWS::Lambda::Function",
                "Properties": {
                    "Runtime": RUNTIME,
                    "Handler": "index.handler",
                    "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                    "Layers": [{"Ref": "Layer"}],
                    "Timeout": str(10 + version),
                    "Code": {"ZipFile": code},
                },
            },
            f"Version{version}": {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": function}},
            "Alias": {
                "Type": "AWS::Lambda::Alias",
                "Properties": {
                    "FunctionName": function,
                    "FunctionVersion": {"Fn::GetAtt": [f"Version{version}", "Version"]},
                    "Name": "live",
                },
            },
            "Retries": {
                "Type": "AWS::Lambda::EventInvokeConfig",
                "Properties": {
                    "FunctionName": function,
                    "Qualifier": "$LATEST",
                    "MaximumRetryAttempts": version,
                },
            },
            "Bus": {
                "Type": "AWS::Events::EventBus",
                "Properties": {
                    "Name": f"{bucket}-bus",
                    "Description": f"version {version}",
                    "LogConfig": {"Level": "ERROR", "IncludeDetail": "NONE"},
                },
            },
            "BusPolicy": {
                "Type": "AWS::Events::EventBusPolicy",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "StatementId": "other",
                    "Action": "events:PutEvents",
                    "Principal": "111111111111",
                },
            },
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {
                    "EventBusName": {"Ref": "Bus"},
                    "EventPattern": {"source": [f"version-{version}"]},
                    "Targets": [{"Id": f"target-{version}", "Arn": {"Fn::GetAtt": ["Function", "Arn"]}}],
                },
            },
            "Permission": {
                "Type": "AWS::Lambda::Permission",
                "Properties": {
                    "FunctionName": function,
                    "Action": "lambda:InvokeFunction",
                    "Principal": "events.amazonaws.com",
                    "SourceArn": {"Fn::GetAtt": ["Rule", "Arn"]},
                },
            },
            "Bucket": {
                "Type": "AWS::S3::Bucket",
                "Properties": {
                    "VersioningConfiguration": {"Status": "Enabled" if version == 1 else "Suspended"}
                },
            },
            "BucketPolicy": {
                "Type": "AWS::S3::BucketPolicy",
                "Properties": {
                    "Bucket": {"Ref": "Bucket"},
                    "PolicyDocument": {
                        "Statement": [
                            {**READ, "Principal": OWNER, "Resource": {"Fn::Sub": "arn:aws:s3:::${Bucket}/*"}}
                        ]
                    },
                },
            },
            "Group": {
                "Type": "AWS::Logs::LogGroup",
                "Properties": {"LogGroupName": f"/{bucket}/group-{version}", "RetentionInDays": "7"},
            },
            "LogPolicy": {
                "Type": "AWS::Logs::ResourcePolicy",
                "Properties": {
                    "PolicyName": f"{bucket}-logs",
                    "PolicyDocument": json.dumps(
                        {
                            "Version": "2012-10-17",
                            "Id": f"version-{version}",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Principal": {"Service": "events.amazonaws.com"},
                                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                                    "Resource": "*",
                                }
                            ],
                        }
                    ),
                },
            },
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
            "Nested": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {
                    "TemplateURL": f"{endpoint}/{bucket}/nested.json",
                    "Parameters": {"Name": f"/{bucket}/nested"},
                },
            },
        },
        "Outputs": {
            name: {"Value": value}
            for name, value in {
                "Function": function,
                "Role": {"Ref": "Role"},
                "Rule": {"Ref": "Rule"},
                "Bucket": {"Ref": "Bucket"},
                "Group": {"Ref": "Group"},
                "Nested": {"Fn::GetAtt": ["Nested", "Outputs.Group"]},
                "Alias": {"Ref": "Alias"},
                "Managed": {"Ref": "Managed"},
                "LogPolicy": {"Ref": "LogPolicy"},
            }.items()
        },
    }


NESTED = {
    "Parameters": {"Name": {"Type": "String"}},
    "Resources": {"Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "Name"}}}},
    "Outputs": {"Group": {"Value": {"Ref": "Group"}}},
}


@pytest.fixture
def artefacts(client: Callable[..., Any], request: pytest.FixtureRequest) -> str:
    name = f"artefacts-{abs(hash(request.node.name)) % 10**8}"
    client("s3").create_bucket(Bucket=name)
    client("s3").put_object(Bucket=name, Key="layer.zip", Body=layer())
    client("s3").put_object(Bucket=name, Key="nested.json", Body=json.dumps(NESTED))
    return name


def settle(cloudformation: Any, stack: str) -> dict[str, Any]:
    def done() -> dict[str, Any] | None:
        found: dict[str, Any] = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return None if found["StackStatus"].endswith("_IN_PROGRESS") else found

    return wait_for(done, 60)


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def deploy(client: Callable[..., Any], operation: str, stack: str, body: dict[str, Any]) -> dict[str, Any]:
    cloudformation = client("cloudformation")
    made = getattr(cloudformation, operation)(
        StackName=stack,
        TemplateBody=json.dumps(body),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    return settle(cloudformation, made["StackId"])


def failures(client: Callable[..., Any], stack: str) -> list[tuple[str, str]]:
    events = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [
        (event["LogicalResourceId"], event.get("ResourceStatusReason", ""))
        for event in events
        if event["ResourceStatus"].endswith("_FAILED")
        and "cancelled" not in event.get("ResourceStatusReason", "")
    ]


def test_all_types_made_changed_and_deleted(client: Callable[..., Any], node: Any, artefacts: str) -> None:
    stack = f"all-{artefacts}"
    first = deploy(client, "create_stack", stack, template(artefacts, node.endpoint))
    assert first["StackStatus"] == "CREATE_COMPLETE", failures(client, stack)
    events = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    times = [event["Timestamp"] for event in events if event["LogicalResourceId"] == "Function"]
    assert len(times) == 3 and times == sorted(set(times), reverse=True)  # the CDK sorts by time
    one = outputs(first)
    assert one["Function"].startswith(f"{stack}-Function-"[:20])
    assert one["Nested"] == f"/{artefacts}/nested"
    answer = client("lambda").invoke(FunctionName=one["Alias"])["Payload"].read()
    assert json.loads(answer) == [1, "from the layer"]
    assert client("s3").get_bucket_versioning(Bucket=one["Bucket"])["Status"] == "Enabled"
    assert client("events").describe_event_bus(Name=f"{artefacts}-bus")["Description"] == "version 1"

    second = deploy(client, "update_stack", stack, template(artefacts, node.endpoint, 2))
    assert second["StackStatus"] == "UPDATE_COMPLETE", failures(client, stack)
    two = outputs(second)
    assert (two["Function"], two["Role"], two["Bucket"]) == (one["Function"], one["Role"], one["Bucket"])
    assert two["Group"] != one["Group"]
    groups = client("logs").describe_log_groups(logGroupNamePrefix=f"/{artefacts}/group")["logGroups"]
    assert [group["logGroupName"] for group in groups] == [two["Group"]]
    assert json.loads(client("lambda").invoke(FunctionName=two["Alias"])["Payload"].read()) == [
        2,
        "from the layer",
    ]
    assert client("lambda").get_function_configuration(FunctionName=two["Function"])["Timeout"] == 12
    assert two["LogPolicy"] == f"{artefacts}-logs"
    policies = client("logs").describe_resource_policies()["resourcePolicies"]
    (policy,) = [one for one in policies if one["policyName"] == two["LogPolicy"]]
    assert json.loads(policy["policyDocument"])["Id"] == "version-2"
    assert client("iam").list_role_policies(RoleName=two["Role"])["PolicyNames"] == ["inline-2", "own"]
    bus, name = two["Rule"].split("|")
    targets = client("events").list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    assert [target["Id"] for target in targets] == ["target-2"]

    client("cloudformation").delete_stack(StackName=stack)
    assert settle(client("cloudformation"), second["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client("lambda").get_function(FunctionName=two["Function"])
    with pytest.raises(ClientError, match="NoSuchEntity"):
        client("iam").get_role(RoleName=two["Role"])
    with pytest.raises(ClientError, match="NoSuchEntity"):
        client("iam").get_policy(PolicyArn=two["Managed"])
    with pytest.raises(ClientError, match="does not exist"):
        client("events").describe_event_bus(Name=f"{artefacts}-bus")
    assert client("logs").describe_log_groups(logGroupNamePrefix=f"/{artefacts}/")["logGroups"] == []
    policies = client("logs").describe_resource_policies()["resourcePolicies"]
    assert two["LogPolicy"] not in {one["policyName"] for one in policies}
    assert one["Bucket"] not in {bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]}


def test_a_failed_update_is_rolled_back_to_what_was(
    client: Callable[..., Any], node: Any, artefacts: str
) -> None:
    stack = f"back-{artefacts}"
    first = deploy(client, "create_stack", stack, template(artefacts, node.endpoint))
    assert first["StackStatus"] == "CREATE_COMPLETE", failures(client, stack)
    broken = template(artefacts, node.endpoint, 2)
    broken["Resources"]["Retries"]["Properties"]["Qualifier"] = "$LATEST"
    broken["Resources"]["Late"] = {
        "Type": "AWS::Lambda::Permission",
        "DependsOn": ["Alias", "Rule", "Group", "Nested", "BucketPolicy"],
        "Properties": {
            "FunctionName": "no-such-function",
            "Action": "lambda:InvokeFunction",
            "Principal": "*",
        },
    }
    after = deploy(client, "update_stack", stack, broken)
    assert after["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", failures(client, stack)
    assert outputs(after) == outputs(first)
    answer = client("lambda").invoke(FunctionName=outputs(first)["Alias"])["Payload"].read()
    assert json.loads(answer) == [1, "from the layer"]
    assert client("s3").get_bucket_versioning(Bucket=outputs(first)["Bucket"])["Status"] == "Enabled"
    assert "no-such-function" in dict(failures(client, stack))["Late"]


def test_a_failed_create_leaves_nothing(client: Callable[..., Any], node: Any, artefacts: str) -> None:
    stack = f"gone-{artefacts}"
    broken = template(artefacts, node.endpoint)
    broken["Resources"]["Group"]["Properties"]["RetentionInDays"] = 8
    failed = deploy(client, "create_stack", stack, broken)
    assert failed["StackStatus"] == "ROLLBACK_COMPLETE"
    functions = client("lambda").list_functions()["Functions"]
    assert not [one for one in functions if one["FunctionName"].startswith(stack[:20])]
    assert client("logs").describe_log_groups(logGroupNamePrefix=f"/{artefacts}/")["logGroups"] == []


def test_what_somebody_else_has_is_not_taken_over(client: Callable[..., Any], artefacts: str) -> None:
    client("events").put_rule(Name=f"taken-{artefacts}", EventPattern='{"source": ["mine"]}')
    body = {
        "Resources": {
            "Rule": {
                "Type": "AWS::Events::Rule",
                "Properties": {"Name": f"taken-{artefacts}", "EventPattern": {"source": ["theirs"]}},
            }
        }
    }
    assert deploy(client, "create_stack", f"taker-{artefacts}", body)["StackStatus"] == "ROLLBACK_COMPLETE"
    kept = client("events").describe_rule(Name=f"taken-{artefacts}")
    assert kept["EventPattern"] == '{"source": ["mine"]}'
