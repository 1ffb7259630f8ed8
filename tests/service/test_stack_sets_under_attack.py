"""Stack sets in the hands of users who may do little else, and of requests that come at the wrong time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from aws_refusals import refusal
from nodes import RunningNode
from users import User, code_of
from waiting import wait_for

Client = Callable[..., Any]
GROUP = json.dumps({"Resources": {"Group": {"Type": "AWS::Logs::LogGroup"}}})
SERVICE = {"Service": "cloudformation.amazonaws.com"}
HERE = {"Accounts": ["000000000000"], "Regions": ["us-east-1"]}


def trusting(principal: dict[str, str]) -> str:
    return json.dumps(
        {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    )


def role(client: Client, account: str, name: str, principal: dict[str, str]) -> str:
    """Make a role that may do everything."""
    iam = client("iam", account=account)
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting(principal))["Role"]["Arn"]
    iam.attach_role_policy(RoleName=name, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    return str(arn)


def ended(cloudformation: Any, name: str, operation: str) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        described: dict[str, Any] = cloudformation.describe_stack_set_operation(
            StackSetName=name, OperationId=operation
        )["StackSetOperation"]
        return None if described["Status"] in ("QUEUED", "RUNNING", "STOPPING") else described

    return wait_for(found, 120)


def test_the_administration_role_of_another_account_is_refused(client: Client) -> None:
    """It trusts CloudFormation too, and would open that account and all that trust it."""
    victim, attacker = "333333333331", "333333333332"
    administration = role(client, victim, "Administration", SERVICE)
    role(client, victim, "Execution", {"AWS": administration})
    cloudformation = client("cloudformation", account=attacker)
    request = {"TemplateBody": GROUP, "ExecutionRoleName": "Execution"}
    given = {"AdministrationRoleARN": administration, **request}
    assert code_of(cloudformation.create_stack_set, StackSetName="theft", **given) == "AccessDenied"
    cloudformation.create_stack_set(StackSetName="theft", **request)
    assert code_of(cloudformation.update_stack_set, StackSetName="theft", **given) == "AccessDenied"


def test_what_is_not_a_role_is_refused(client: Client) -> None:
    """An operation that named it would never end."""
    cloudformation, name, wrong = client("cloudformation"), f"wrong-{uuid4().hex[:8]}", "nonsense:" * 3
    request = {"StackSetName": name, "TemplateBody": GROUP}
    told = ("ValidationError", 400, f"{wrong} is not a valid RoleARN")
    assert refusal(cloudformation.create_stack_set, **request, AdministrationRoleARN=wrong) == told
    cloudformation.create_stack_set(**request)
    assert refusal(cloudformation.update_stack_set, **request, AdministrationRoleARN=wrong) == told


def test_a_stack_of_another_account_is_told_only_to_its_execution_role(client: Client) -> None:
    owner, attacker = "333333333333", "333333333334"
    stack = client("cloudformation", account=owner).create_stack(StackName="secret", TemplateBody=GROUP)
    role(client, owner, "AWSCloudFormationStackSetExecutionRole", {"AWS": f"arn:aws:iam::{owner}:root"})
    cloudformation = client("cloudformation", account=attacker)
    cloudformation.create_stack_set(StackSetName="curious", TemplateBody=GROUP)
    for there in (stack["StackId"], stack["StackId"][:-12] + "0" * 12):
        code, _, message = refusal(
            cloudformation.import_stacks_to_stack_set, StackSetName="curious", StackIds=[there]
        )
        assert code == "ValidationError", there
        assert message.startswith(f"Account {owner} should have 'AWSCloudFormationStackSetExecutionRole'")


def test_a_user_who_may_create_sets_may_do_nothing_else(node: RunningNode, client: Client) -> None:
    user = User(node, "stack-set-maker", ("cloudformation:CreateStackSet", "*")).client("cloudformation")
    name = f"made-{uuid4().hex[:8]}"
    user.create_stack_set(StackSetName=name, TemplateBody=GROUP)
    administration = role(client, "000000000000", f"{name}-administration", SERVICE)
    calls: list[tuple[Any, dict[str, Any]]] = [
        (user.create_stack_instances, HERE),
        (user.update_stack_set, {"UsePreviousTemplate": True}),
        (user.describe_stack_set, {}),
        (user.delete_stack_set, {}),
        (user.import_stacks_to_stack_set, {"StackIds": [administration]}),
        (user.detect_stack_set_drift, {}),
    ]
    for call, more in calls:
        assert code_of(call, StackSetName=name, **more) == "AccessDenied", call
    passed = {"StackSetName": f"{name}-2", "TemplateBody": GROUP, "AdministrationRoleARN": administration}
    assert code_of(user.create_stack_set, **passed) == "AccessDenied"


@pytest.mark.parametrize(
    "preferences",
    [
        {"MaxConcurrentCount": 10**9, "ConcurrencyMode": "SOFT_FAILURE_TOLERANCE"},
        {"MaxConcurrentCount": 10**9, "FailureToleranceCount": 10**9},
    ],
)
def test_the_largest_concurrency_is_that_of_the_accounts(client: Client, preferences: dict[str, Any]) -> None:
    cloudformation, name = client("cloudformation"), f"many-{uuid4().hex[:8]}"
    cloudformation.create_stack_set(StackSetName=name, TemplateBody=GROUP)
    begun = cloudformation.create_stack_instances(StackSetName=name, OperationPreferences=preferences, **HERE)
    assert ended(cloudformation, name, begun["OperationId"])["Status"] == "SUCCEEDED"


def test_a_set_has_a_largest_number_of_instances(client: Client) -> None:
    cloudformation, name = client("cloudformation"), f"large-{uuid4().hex[:8]}"
    cloudformation.create_stack_set(StackSetName=name, TemplateBody=GROUP)
    accounts = [f"{number:012d}" for number in range(1001)]
    code, _, message = refusal(
        cloudformation.create_stack_instances,
        StackSetName=name,
        Accounts=accounts,
        Regions=["us-east-1", "eu-west-1"],
    )
    assert code == "LimitExceededException"
    assert message.endswith("may have at most 2000 stack instances")
    assert cloudformation.list_stack_instances(StackSetName=name)["Summaries"] == []


def test_operations_that_begin_at_once_leave_each_instance_one_stack(client: Client) -> None:
    """With managed execution they wait for one another, and each request may come while a stack is created."""
    cloudformation, name = client("cloudformation"), f"crowd-{uuid4().hex[:8]}"
    cloudformation.create_stack_set(StackSetName=name, TemplateBody=GROUP, ManagedExecution={"Active": True})
    begun: list[str] = []

    def create() -> None:
        own = client("cloudformation")
        begun.extend(own.create_stack_instances(StackSetName=name, **HERE)["OperationId"] for _ in range(3))

    threads = [threading.Thread(target=create) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(begun) == 12
    assert {ended(cloudformation, name, one)["Status"] for one in begun} == {"SUCCEEDED"}
    stacks = cloudformation.get_paginator("list_stacks").paginate().search("StackSummaries[].StackName")
    assert len([one for one in stacks if one.startswith(f"StackSet-{name}-")]) == 1


def test_a_deletion_during_an_operation(client: Client) -> None:
    waiting = {
        "Resources": {
            "Wait": {
                "Type": "AWS::CloudFormation::WaitCondition",
                "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "3600"},
            },
            "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle"},
        }
    }
    cloudformation, name = client("cloudformation"), f"waiting-{uuid4().hex[:8]}"
    cloudformation.create_stack_set(StackSetName=name, TemplateBody=json.dumps(waiting))
    begun = cloudformation.create_stack_instances(StackSetName=name, **HERE)["OperationId"]
    found = wait_for(lambda: cloudformation.list_stack_instances(StackSetName=name)["Summaries"], 60)
    assert found[0]["StackInstanceStatus"]["DetailedStatus"] in ("PENDING", "RUNNING")
    during: list[tuple[Any, dict[str, Any]]] = [
        (cloudformation.delete_stack_set, {}),
        (cloudformation.delete_stack_instances, {**HERE, "RetainStacks": False}),
        (cloudformation.update_stack_set, {"UsePreviousTemplate": True}),
    ]
    for call, more in during:
        assert code_of(call, StackSetName=name, **more) in (
            "OperationInProgressException",
            "StackSetNotEmptyException",
        )
    cloudformation.stop_stack_set_operation(StackSetName=name, OperationId=begun)

    def stack() -> str | None:
        listed = cloudformation.get_paginator("list_stacks").paginate().search("StackSummaries[]")
        return next((str(one["StackId"]) for one in listed if f"StackSet-{name}-" in one["StackName"]), None)

    cloudformation.delete_stack(StackName=wait_for(stack, 60))  # its owner does not wait for the signal
    assert ended(cloudformation, name, begun)["Status"] in ("STOPPED", "FAILED")
    last = cloudformation.delete_stack_instances(StackSetName=name, RetainStacks=False, **HERE)
    assert ended(cloudformation, name, last["OperationId"])["Status"] == "SUCCEEDED"
    cloudformation.delete_stack_set(StackSetName=name)
    with pytest.raises(ClientError, match="StackSetNotFoundException"):
        cloudformation.describe_stack_set(StackSetName=name)
