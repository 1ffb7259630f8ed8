"""What becomes of a stack whose resources meet: many on one function, role or bus, names taken, creations that fail?"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest

from nightbus.aws.ids import new_lower_suffix
from waiting import wait_for

RUNTIME = f"python3.{sys.version_info.minor}"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}
ROLE = {"Type": "AWS::IAM::Role", "Properties": {"AssumeRolePolicyDocument": TRUST}}
FUNCTION = {
    "Type": "AWS::Lambda::Function",
    "Properties": {
        "Runtime": RUNTIME,
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": "def handler(event, context): pass"},
    },
}
BUSY = range(12)

Client = Callable[..., Any]


@pytest.fixture
def unique() -> str:
    return f"t{new_lower_suffix()}"


def resource(type_name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": type_name, "Properties": properties}


def deploy(client: Client, operation: str, stack: str, resources: dict[str, Any], **more: Any) -> str:
    cloudformation = client("cloudformation")
    made = getattr(cloudformation, operation)(
        StackName=stack,
        TemplateBody=json.dumps({"Resources": resources, **more}),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    return settle(client, made["StackId"])


def settle(client: Client, stack: str) -> str:
    def done() -> str:
        status: str = client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return "" if status.endswith("_IN_PROGRESS") else status

    return wait_for(done, 60)


def reasons(client: Client, stack: str) -> list[str]:
    events = client("cloudformation").describe_stack_events(StackName=stack)["StackEvents"]
    return [event.get("ResourceStatusReason", "") for event in events if "FAILED" in event["ResourceStatus"]]


def physical(client: Client, stack: str, logical_id: str) -> str:
    found = client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=logical_id)
    name: str = found["StackResourceDetail"]["PhysicalResourceId"]
    return name


def test_many_resources_change_one_function_one_role_and_one_bus_at_once(client: Client, unique: str) -> None:
    resources: dict[str, Any] = {
        "Role": ROLE,
        "Function": FUNCTION,
        "Bus": resource("AWS::Events::EventBus", Name=unique),
    }
    for n in BUSY:
        resources[f"Permission{n}"] = resource(
            "AWS::Lambda::Permission",
            FunctionName={"Ref": "Function"},
            Action="lambda:InvokeFunction",
            Principal="events.amazonaws.com",
        )
        resources[f"Policy{n}"] = resource(
            "AWS::IAM::Policy", PolicyName=f"p{n}", PolicyDocument=POLICY, Roles=[{"Ref": "Role"}]
        )
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": {"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}},
            "Action": "events:PutEvents",
            "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
        }
        resources[f"Statement{n}"] = resource(
            "AWS::Events::EventBusPolicy",
            EventBusName={"Ref": "Bus"}, StatementId=f"s{n}", Statement=statement,
        )  # fmt: skip
    assert deploy(client, "create_stack", unique, resources) == "CREATE_COMPLETE", reasons(client, unique)
    function, role = (physical(client, unique, name) for name in ("Function", "Role"))
    policy = json.loads(client("lambda").get_policy(FunctionName=function)["Policy"])
    assert len(policy["Statement"]) == len(BUSY)
    assert len(client("iam").list_role_policies(RoleName=role)["PolicyNames"]) == len(BUSY)
    bus = json.loads(client("events").describe_event_bus(Name=unique)["Policy"])
    assert {one["Sid"] for one in bus["Statement"]} == {f"s{n}" for n in BUSY}

    client("cloudformation").delete_stack(StackName=unique)
    stack_id = policy_stack(client, unique)
    assert settle(client, stack_id) == "DELETE_COMPLETE", reasons(client, stack_id)


def policy_stack(client: Client, name: str) -> str:
    """The id, by which a deleted stack is still found."""
    listed = client("cloudformation").list_stacks()["StackSummaries"]
    return next(str(one["StackId"]) for one in listed if one["StackName"] == name)


@pytest.mark.parametrize(
    "failing",
    [
        resource("AWS::Lambda::LayerVersion", Content={"S3Bucket": "no-such-bucket", "S3Key": "none.zip"}),
        resource("AWS::IAM::ManagedPolicy", PolicyDocument="no json"),
        resource("AWS::IAM::Role", AssumeRolePolicyDocument="no json"),
        resource("AWS::IAM::Policy", PolicyName="p", PolicyDocument=POLICY, Roles=["no-such-role"]),
        resource("AWS::S3::BucketPolicy", Bucket="no-such-bucket", PolicyDocument=POLICY),
        resource("AWS::S3::Bucket", VersioningConfiguration={"Status": "Sometimes"}),
        resource("AWS::Logs::LogGroup", RetentionInDays=8),
        resource("AWS::Events::Rule", EventPattern={"source": [{"no-such-operator": 1}]}),
        resource("AWS::Lambda::Version", FunctionName="no-such-function"),
        resource("AWS::Lambda::Alias", FunctionName="no-such-function", FunctionVersion="1", Name="a"),
        resource("AWS::Lambda::EventInvokeConfig", FunctionName="no-such-function", Qualifier="$LATEST"),
        resource("AWS::CloudFormation::Stack", TemplateURL="https://no-such-bucket.s3.amazonaws.com/t"),
    ],
    ids=lambda one: one["Type"].replace("::", "-"),
)
def test_a_creation_that_fails_is_rolled_back_whole(
    client: Client, unique: str, failing: dict[str, Any]
) -> None:
    resources = {"Broken": failing, "Group": resource("AWS::Logs::LogGroup", LogGroupName=unique)}
    assert deploy(client, "create_stack", unique, resources) == "ROLLBACK_COMPLETE", reasons(client, unique)
    assert "Internal error" not in "".join(reasons(client, unique))
    assert client("logs").describe_log_groups(logGroupNamePrefix=unique)["logGroups"] == []


def test_a_nested_stack_that_cannot_be_updated_takes_its_parent_back(
    client: Client, node: Any, unique: str
) -> None:
    def nested(days: int) -> str:
        group = resource("AWS::Logs::LogGroup", LogGroupName=f"{unique}/nested", RetentionInDays=days)
        body = {"Resources": {"Group": group}, "Outputs": {"Days": {"Value": str(days)}}}
        client("s3").put_object(Bucket=unique, Key=f"{days}.json", Body=json.dumps(body))
        return f"{node.endpoint}/{unique}/{days}.json"

    client("s3").create_bucket(Bucket=unique)
    days = {"Days": {"Value": {"Fn::GetAtt": ["Nested", "Outputs.Days"]}}}

    def parent(url: str) -> dict[str, Any]:
        return {"Nested": resource("AWS::CloudFormation::Stack", TemplateURL=url)}

    created = deploy(client, "create_stack", unique, parent(nested(7)), Outputs=days)
    assert created == "CREATE_COMPLETE", reasons(client, unique)
    failed = deploy(client, "update_stack", unique, parent(nested(8)), Outputs=days)
    assert failed == "UPDATE_ROLLBACK_COMPLETE", reasons(client, unique)
    assert any("was not successfully updated" in reason for reason in reasons(client, unique))
    updated = deploy(client, "update_stack", unique, parent(nested(14)), Outputs=days)
    assert updated == "UPDATE_COMPLETE", reasons(client, unique)
    (group,) = client("logs").describe_log_groups(logGroupNamePrefix=unique)["logGroups"]
    assert group["retentionInDays"] == 14


def test_a_nested_stack_needs_what_its_parent_was_allowed(client: Client, node: Any, unique: str) -> None:
    client("s3").create_bucket(Bucket=unique)
    client("s3").put_object(Bucket=unique, Key="n.json", Body=json.dumps({"Resources": {"Role": ROLE}}))
    nested = resource("AWS::CloudFormation::Stack", TemplateURL=f"{node.endpoint}/{unique}/n.json")
    body = json.dumps({"Resources": {"Nested": nested}})
    made = client("cloudformation").create_stack(StackName=unique, TemplateBody=body)
    assert settle(client, made["StackId"]) == "ROLLBACK_COMPLETE"
    assert any("Requires capabilities : [CAPABILITY_IAM]" in reason for reason in reasons(client, unique))


@pytest.mark.parametrize("kind", ["policy", "retries"])
def test_what_was_set_by_hand_is_not_written_over(client: Client, unique: str, kind: str) -> None:
    client("s3").create_bucket(Bucket=unique)
    by_hand = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "hand",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": f"arn:aws:s3:::{unique}/*",
            }
        ],
    }
    other = {**by_hand, "Statement": [{**by_hand["Statement"][0], "Sid": "stack"}]}  # type: ignore[dict-item]
    resources: dict[str, Any]
    if kind == "policy":
        client("s3").put_bucket_policy(Bucket=unique, Policy=json.dumps(by_hand))
        resources = {"P": resource("AWS::S3::BucketPolicy", Bucket=unique, PolicyDocument=other)}
    else:
        assert (
            deploy(client, "create_stack", f"{unique}f", {"Role": ROLE, "Function": FUNCTION})
            == "CREATE_COMPLETE"
        )
        function = physical(client, f"{unique}f", "Function")
        client("lambda").put_function_event_invoke_config(FunctionName=function, MaximumRetryAttempts=1)
        resources = {
            "R": resource(
                "AWS::Lambda::EventInvokeConfig",
                FunctionName=function, Qualifier="$LATEST", MaximumRetryAttempts="0",
            )
        }  # fmt: skip
    assert deploy(client, "create_stack", unique, resources) == "ROLLBACK_COMPLETE"
    assert any("already exists" in reason for reason in reasons(client, unique))
    if kind == "policy":
        kept = json.loads(client("s3").get_bucket_policy(Bucket=unique)["Policy"])
        assert kept["Statement"][0]["Sid"] == "hand"
    else:
        left = client("lambda").get_function_event_invoke_config(FunctionName=function)
        assert left["MaximumRetryAttempts"] == 1


def test_a_bucket_that_holds_something_cannot_be_deleted(client: Client, unique: str) -> None:
    assert (
        deploy(client, "create_stack", unique, {"Bucket": {"Type": "AWS::S3::Bucket"}}) == "CREATE_COMPLETE"
    )
    bucket = physical(client, unique, "Bucket")
    client("s3").put_object(Bucket=bucket, Key="k", Body=b"x")
    client("cloudformation").delete_stack(StackName=unique)
    assert settle(client, unique) == "DELETE_FAILED"
    assert any("The bucket you tried to delete is not empty" in one for one in reasons(client, unique))
    client("s3").delete_object(Bucket=bucket, Key="k")
    stack_id = policy_stack(client, unique)
    client("cloudformation").delete_stack(StackName=unique)
    assert settle(client, stack_id) == "DELETE_COMPLETE"


def test_tags_of_stack_and_resource_are_where_aws_puts_them(client: Client, unique: str) -> None:
    own = [{"Key": "own", "Value": True}]
    resources = {
        "Role": {**ROLE, "Properties": {**ROLE["Properties"], "Tags": own}},  # type: ignore[dict-item]
        "Function": {**FUNCTION, "Properties": {**FUNCTION["Properties"], "Tags": own}},  # type: ignore[dict-item]
        "Bucket": resource("AWS::S3::Bucket", Tags=own),
        "Group": resource("AWS::Logs::LogGroup", Tags=own),
        "Bus": resource("AWS::Events::EventBus", Name=unique, Tags=own),
        "Rule": resource("AWS::Events::Rule", EventPattern={"source": ["s"]}, Tags=own),
    }
    cloudformation = client("cloudformation")

    def put(operation: str, tags: dict[str, str]) -> str:
        made = getattr(cloudformation, operation)(
            StackName=unique,
            TemplateBody=json.dumps({"Resources": resources}),
            Capabilities=["CAPABILITY_IAM"],
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        assert settle(client, made["StackId"]).endswith("E_COMPLETE"), reasons(client, unique)
        return str(made["StackId"])

    def tags(logical_id: str) -> dict[str, str]:
        name = physical(client, unique, logical_id)
        if logical_id == "Function":
            return dict(client("lambda").get_function(FunctionName=name)["Tags"])
        if logical_id == "Group":
            arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{name}"
            return dict(client("logs").list_tags_for_resource(resourceArn=arn)["tags"])
        if logical_id in ("Bus", "Rule"):
            kind = "event-bus" if logical_id == "Bus" else "rule"
            arn = f"arn:aws:events:us-east-1:000000000000:{kind}/{name}"
            listed = client("events").list_tags_for_resource(ResourceARN=arn)["Tags"]
        elif logical_id == "Role":
            listed = client("iam").list_role_tags(RoleName=name)["Tags"]
        else:
            listed = client("s3").get_bucket_tagging(Bucket=name)["TagSet"]
        return {one["Key"]: one["Value"] for one in listed}

    stack_id = put("create_stack", {"team": "blue", "old": "1"})
    put("update_stack", {"team": "red"})
    for logical_id in resources:
        assert tags(logical_id) == {
            "own": "true",
            "team": "red",
            "aws:cloudformation:stack-name": unique,
            "aws:cloudformation:stack-id": stack_id,
            "aws:cloudformation:logical-id": logical_id,
        }, logical_id
