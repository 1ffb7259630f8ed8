"""A stack with RoleARN works as that role, a stack without one as its caller; stack sets as their execution role.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode
from users import User, document
from waiting import wait_for

ACCOUNT, REGION = "000000000000", "us-east-1"
IAM = f"arn:aws:iam::{ACCOUNT}"
SERVICE = "cloudformation.amazonaws.com"
QUEUE = {"Type": "AWS::SQS::Queue"}
TOPIC = {"Type": "AWS::SNS::Topic"}


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


def allow(*actions: str, resource: str = "*") -> dict[str, Any]:
    return {"Effect": "Allow", "Action": list(actions), "Resource": resource}


def trust(principal: dict[str, Any], condition: dict[str, Any] | None = None) -> str:
    one = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return document(one | ({"Condition": condition} if condition else {}))


def role(node: RunningNode, name: str, *statements: dict[str, Any], trusting: str = "") -> str:
    iam = node.client("iam")
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting or trust({"Service": SERVICE}))
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
    return str(made["Role"]["Arn"])


def user(node: RunningNode, name: str, *statements: dict[str, Any]) -> Any:
    """Return a CloudFormation client of a new user."""
    return User(node, name, *statements).client("cloudformation")


def template(**resources: dict[str, Any]) -> str:
    return json.dumps({"Resources": resources})


def ended(cloudformation: Any, stack: str) -> str:
    def status() -> str:
        found = str(cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"])
        return "" if found.endswith("_IN_PROGRESS") else found

    return str(wait_for(status, 30))


def reasons(cloudformation: Any, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return " ".join(one.get("ResourceStatusReason", "") for one in events)


def test_a_stack_works_as_its_role_and_keeps_it(node: RunningNode) -> None:
    arn = role(node, "queues-only", allow("sqs:*"))
    own = user(
        node, "deployer", allow("cloudformation:*"), allow("iam:PassRole", resource=f"{IAM}:role/queues-*")
    )
    created = own.create_stack(StackName="in-role", TemplateBody=template(Q=QUEUE), RoleARN=arn)
    assert ended(own, "in-role") == "CREATE_COMPLETE"
    assert own.describe_stacks(StackName="in-role")["Stacks"][0]["RoleARN"] == arn

    # Another user, who may not pass the role, works with it all the same.
    other = user(node, "operator", allow("cloudformation:*"))
    other.update_stack(StackName="in-role", TemplateBody=template(Q=QUEUE, R=QUEUE))
    assert ended(other, "in-role") == "UPDATE_COMPLETE"
    other.update_stack(StackName="in-role", TemplateBody=template(Q=QUEUE, R=QUEUE, T=TOPIC))
    assert ended(other, "in-role") == "UPDATE_ROLLBACK_COMPLETE"
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/queues-only/AWSCloudFormation"
    assert f"User: {session} is not authorized to perform: SNS:" in reasons(other, "in-role")

    # Without its permissions the stack cannot be deleted; with them it can.
    iam = node.client("iam")
    iam.put_role_policy(RoleName="queues-only", PolicyName="own", PolicyDocument=document(allow("sqs:List*")))
    other.delete_stack(StackName="in-role")
    assert ended(other, "in-role") == "DELETE_FAILED"
    iam.put_role_policy(RoleName="queues-only", PolicyName="own", PolicyDocument=document(allow("sqs:*")))
    other.delete_stack(StackName="in-role")
    assert ended(other, created["StackId"]) == "DELETE_COMPLETE"


def test_a_change_set_brings_its_role(node: RunningNode) -> None:
    arn = role(node, "of-change-set", allow("sqs:*"))
    own = user(
        node,
        "planner",
        allow("cloudformation:*"),
        allow("iam:PassRole", resource=f"{IAM}:role/of-change-set"),
    )
    own.create_change_set(
        StackName="planned",
        ChangeSetName="first",
        ChangeSetType="CREATE",
        TemplateBody=template(Q=QUEUE),
        RoleARN=arn,
    )
    own.execute_change_set(StackName="planned", ChangeSetName="first")
    assert ended(own, "planned") == "CREATE_COMPLETE"
    own.delete_stack(StackName="planned")
    wait_for(lambda: not [s for s in own.describe_stacks()["Stacks"] if s["StackName"] == "planned"], 30)


def test_a_role_that_does_not_trust_cloudformation_is_refused(node: RunningNode) -> None:
    untrusting = role(node, "of-lambda", allow("*"), trusting=trust({"Service": "lambda.amazonaws.com"}))
    elsewhere = {"StringEquals": {"aws:SourceAccount": "111111111111"}}
    confused = role(node, "of-others", allow("*"), trusting=trust({"Service": SERVICE}, elsewhere))
    cloudformation = node.client("cloudformation")
    for arn in untrusting, confused:
        with pytest.raises(ClientError) as error:
            cloudformation.create_stack(StackName="no", TemplateBody=template(Q=QUEUE), RoleARN=arn)
        assert error.value.response["Error"] == {
            "Type": "Sender",
            "Code": "ValidationError",
            "Message": f"Role {arn} is invalid or cannot be assumed",
        }
    with pytest.raises(ClientError, match="is not a valid RoleARN"):
        cloudformation.create_stack(StackName="no", TemplateBody=template(Q=QUEUE), RoleARN="x" * 30)


def test_nested_stacks_work_as_their_parent(node: RunningNode) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="nested-templates")
    s3.put_object(Bucket="nested-templates", Key="child.json", Body=template(Q=QUEUE))
    child = {
        "Type": "AWS::CloudFormation::Stack",
        "Properties": {"TemplateURL": f"{node.endpoint}/nested-templates/child.json"},
    }
    arn = role(node, "of-parent", allow("sqs:*", "cloudformation:*", "s3:GetObject"))
    own = user(node, "parent", allow("cloudformation:*"), allow("iam:PassRole"))
    own.create_stack(StackName="parent", TemplateBody=template(Child=child), RoleARN=arn)
    assert ended(own, "parent") == "CREATE_COMPLETE", reasons(own, "parent")
    (nested,) = [one for one in own.describe_stacks()["Stacks"] if one.get("ParentId")]
    assert nested["RoleARN"] == arn
    own.delete_stack(StackName="parent")
    wait_for(lambda: not [s for s in own.describe_stacks()["Stacks"] if "ParentId" in s], 30)


def test_the_role_outlives_the_node(tmp_path: Path) -> None:
    """The operation that a restart takes up goes on in the role, and as a caller whose keys nobody has any more."""
    environ = {"NIGHTBUS_AUTHORIZATION": "enforce"}
    waiting = {"Handle": {"Ref": "H"}, "Timeout": "60"}
    resources: dict[str, dict[str, Any]] = {
        "H": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        "W": {"Type": "AWS::CloudFormation::WaitCondition", "Properties": waiting},
        "T": {**TOPIC, "DependsOn": "W"},
    }
    node = RunningNode(tmp_path, environ)
    try:
        arn = role(node, "lasting", allow("cloudformation:*"))
        own = node.client("cloudformation")
        own.create_stack(StackName="lasting", TemplateBody=template(**resources), RoleARN=arn)
        wait_for(lambda: "Resource creation Initiated" in reasons(own, "lasting"), 30)
        resource = own.describe_stack_resource(StackName="lasting", LogicalResourceId="H")
        node.kill()
        node = RunningNode(tmp_path, environ, node.port)
        signal = {"Status": "SUCCESS", "UniqueId": "1", "Data": "", "Reason": ""}
        url = resource["StackResourceDetail"]["PhysicalResourceId"]
        urlopen(Request(url, json.dumps(signal).encode(), method="PUT")).close()
        own = node.client("cloudformation")
        assert ended(own, "lasting") == "ROLLBACK_COMPLETE"
        assert "assumed-role/lasting/AWSCloudFormation is not authorized" in reasons(own, "lasting")
    finally:
        node.stop()


def test_a_resource_of_the_cloud_control_api_is_made_in_the_role(node: RunningNode) -> None:
    arn = role(node, "of-control", allow("sqs:*"))
    control = node.client("cloudcontrol")

    def outcome(type_name: str) -> dict[str, Any]:
        reply = control.create_resource(TypeName=type_name, DesiredState="{}", RoleArn=arn)

        def progress() -> dict[str, Any] | None:
            token = reply["ProgressEvent"]["RequestToken"]
            found: dict[str, Any] = control.get_resource_request_status(RequestToken=token)["ProgressEvent"]
            return None if found["OperationStatus"] in ("PENDING", "IN_PROGRESS") else found

        return dict(wait_for(progress, 30))

    assert outcome("AWS::SQS::Queue")["OperationStatus"] == "SUCCESS"
    failed = outcome("AWS::SNS::Topic")
    assert failed["OperationStatus"] == "FAILED"
    assert "assumed-role/of-control/AWSCloudFormation is not authorized" in failed["StatusMessage"]


def instance_result(cloudformation: Any, name: str) -> tuple[str, str]:
    """Make an instance in the own account; return its status and the reason."""
    reply = cloudformation.create_stack_instances(StackSetName=name, Accounts=[ACCOUNT], Regions=[REGION])

    def done() -> dict[str, Any] | None:
        one: dict[str, Any] = cloudformation.list_stack_set_operation_results(
            StackSetName=name, OperationId=reply["OperationId"]
        )["Summaries"][0]
        return None if one["Status"] in ("PENDING", "RUNNING") else one

    one = wait_for(done, 30)
    return one["Status"], one.get("StatusReason", "")


def test_a_node_that_accepts_only_its_keys_takes_only_roles_that_iam_has(tmp_path: Path) -> None:
    node = RunningNode(tmp_path, dev_credentials=False)
    try:
        stacks, ghost = node.client("cloudformation"), f"{IAM}:role/ghost"
        with pytest.raises(ClientError, match="ghost is invalid or cannot be assumed"):
            stacks.create_stack(StackName="no", TemplateBody=template(Q=QUEUE), RoleARN=ghost)
        stacks.create_stack_set(StackSetName="set", TemplateBody=template(Q=QUEUE))
        assert instance_result(stacks, "set") == (
            "FAILED",
            f"Account {ACCOUNT} should have 'AWSCloudFormationStackSetAdministrationRole' role with trust "
            "relationship to CloudFormation service.",
        )
        events = node.client("events")
        events.put_rule(Name="r", EventPattern='{"source": ["a"]}')
        target = {"Id": "t", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": ghost}
        with pytest.raises(ClientError, match="ghost' cannot be assumed by principal"):
            events.put_targets(Rule="r", Targets=[target])
        with pytest.raises(ClientError, match="cannot be assumed by Lambda"):
            node.client("lambda").create_function(
                FunctionName="f", Runtime="python3.12", Role=ghost, Handler="a.b", Code={"ZipFile": b"x"}
            )
    finally:
        node.stop()


def test_a_stack_set_works_as_the_execution_role(node: RunningNode) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stacksets-prereqs-self-managed.html"""
    cloudformation = node.client("cloudformation")
    admin = role(node, "set-admin", allow("sts:AssumeRole", resource=f"{IAM}:role/set-*"))
    role(node, "set-worker", allow("cloudformation:*", "sqs:*"), trusting=trust({"AWS": admin}))
    role(node, "set-stranger", allow("*"))

    def result(name: str, execution: str, resource: dict[str, Any]) -> tuple[str, str]:
        cloudformation.create_stack_set(
            StackSetName=name,
            TemplateBody=template(R=resource),
            AdministrationRoleARN=admin,
            ExecutionRoleName=execution,
        )
        reply = cloudformation.create_stack_instances(StackSetName=name, Accounts=[ACCOUNT], Regions=[REGION])

        def done() -> dict[str, Any] | None:
            one: dict[str, Any] = cloudformation.list_stack_set_operation_results(
                StackSetName=name, OperationId=reply["OperationId"]
            )["Summaries"][0]
            return None if one["Status"] in ("PENDING", "RUNNING") else one

        one = wait_for(done, 30)
        return one["Status"], one.get("StatusReason", "")

    assert result("queues", "set-worker", QUEUE) == ("SUCCEEDED", "")
    status, reason = result("topics", "set-worker", TOPIC)
    assert status == "FAILED"
    assert "assumed-role/set-worker/" in reason
    assert result("strangers", "set-stranger", QUEUE) == (
        "FAILED",
        f"Account {ACCOUNT} should have 'set-stranger' role with trust relationship to Role 'set-admin'.",
    )


def test_stacks_and_cloud_control_are_no_way_around_passing_a_role(node: RunningNode) -> None:
    """Whatever hands a role to a service needs iam:PassRole of whoever the resource is made for."""
    powerful = role(node, "powerful", allow("*"))
    own = user(
        node, "schemer", allow("cloudformation:*", "events:*", "lambda:*", "sns:*", "s3:*", "iam:GetRole")
    )

    def reason(name: str, resource: dict[str, Any]) -> str:
        own.create_stack(StackName=name, TemplateBody=template(R=resource))
        assert ended(own, name).startswith("ROLLBACK")
        return reasons(own, name)

    rule = {
        "EventPattern": {"source": ["a"]},
        "Targets": [{"Id": "t", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": powerful}],
    }
    stack_set = {
        "StackSetName": "schemed", "PermissionModel": "SELF_MANAGED", "AdministrationRoleARN": powerful,
        "TemplateBody": template(Q=QUEUE),
    }  # fmt: skip
    function = {
        "Runtime": "python3.12", "Handler": "index.handler", "Role": powerful, "Code": {"ZipFile": "pass"},
    }  # fmt: skip
    for name, kind, properties in (
        ("rule", "AWS::Events::Rule", rule),
        ("set", "AWS::CloudFormation::StackSet", stack_set),
        ("function", "AWS::Lambda::Function", function),
    ):
        told = reason(f"schemed-{name}", {"Type": kind, "Properties": properties})
        assert f"user/schemer is not authorized to perform: iam:PassRole on resource: {powerful}" in told, (
            told
        )
    for call, params in (
        (own.update_stack, {"TemplateBody": template(Q=QUEUE)}),
        (own.continue_update_rollback, {}),
        (own.rollback_stack, {}),
        (own.delete_stack, {}),
    ):
        with pytest.raises(ClientError, match="iam:PassRole on resource"):
            call(StackName="schemed-rule", RoleARN=powerful, **params)


def test_a_user_who_loses_its_rights_stops_its_stack(node: RunningNode) -> None:
    """The resources are made with the rights that the user has then, not with those at the beginning."""
    own = user(node, "fleeting", allow("cloudformation:*", "sqs:*", "sns:*"))
    own.create_stack(StackName="fleeting", TemplateBody=template(Q=QUEUE))
    assert ended(own, "fleeting") == "CREATE_COMPLETE"
    less = document(allow("cloudformation:*", "sqs:*"))
    node.client("iam").put_user_policy(UserName="fleeting", PolicyName="own", PolicyDocument=less)
    own.update_stack(StackName="fleeting", TemplateBody=template(Q=QUEUE, T=TOPIC))
    assert ended(own, "fleeting") == "UPDATE_ROLLBACK_COMPLETE"
    assert "user/fleeting is not authorized to perform: SNS:" in reasons(own, "fleeting")
