"""A Deny for a resource holds however a request spells the resource's ARN: what finds it, is judged as it is called.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nodes import RunningNode
from users import ACCOUNT, User, code_of

_TEMPLATE = json.dumps({"Resources": {"Wait": {"Type": "AWS::CloudFormation::WaitConditionHandle"}}})


@pytest.fixture(scope="module")
def own_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNode]:
    folder: Path = tmp_path_factory.mktemp("spellings")
    node = RunningNode(folder, dev_credentials=False)
    yield node
    node.stop()


def spellings(arn: str) -> list[str]:
    head, _, service, region, account, resource = arn.split(":", 5)
    name = resource.partition("/")[2] or resource
    return [
        arn,
        *(f"{head}:{one}:{service}:{region}:{account}:{resource}" for one in ("aws-cn", "AWS", "", "aws-us-gov")),
        f"{head}:aws:{service.upper()}:{region}:{account}:{resource}",
        f"{head}:aws:{service}:{region.upper()}:{account}:{resource}",
        f"{head}:aws:{service}::{account}:{resource}",
        f"{head}:aws:{service}:{region}::{resource}",
        f"{head}:aws:{service}:{region}:{account}:{name}",
        f"{head}:aws:{service}:{region}:{account}:/{resource}",
        f"ARN:aws:{service}:{region}:{account}:{resource}",
        f" {arn}",
    ]  # fmt: skip


def refused(client: Any, operation: str, member: str, arn: str, **more: Any) -> None:
    for spelling in spellings(arn):
        code = code_of(getattr(client, operation), **{member: spelling}, **more)
        assert code, f"{operation} takes {spelling!r}"


def user_denied(node: RunningNode, name: str, *arns: str) -> User:
    """Return a user who may do everything, but nothing with these resources."""
    return User(node, name, ("*", "*"), {"Effect": "Deny", "Action": "*", "Resource": list(arns)})


def test_parameters(own_node: RunningNode) -> None:
    arns = [f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/{name}" for name in ("app/secret", "top")]
    for name in ("/app/secret", "top"):
        own_node.client("ssm").put_parameter(Name=name, Value="x", Type="String")
    ssm = user_denied(own_node, "parameters", *arns).client("ssm")
    for arn in arns:
        refused(ssm, "get_parameter", "Name", arn)
        refused(ssm, "get_parameter_history", "Name", arn)
        refused(ssm, "label_parameter_version", "Name", arn, Labels=["label"])
        refused(ssm, "list_tags_for_resource", "ResourceId", arn, ResourceType="Parameter")
        for spelling in spellings(arn):
            if not code_of(ssm.get_parameters, Names=[spelling]):
                assert ssm.get_parameters(Names=[spelling])["Parameters"] == []


def test_topics(own_node: RunningNode) -> None:
    topic = own_node.client("sns").create_topic(Name="secret")["TopicArn"]
    own_node.client("sqs").create_queue(QueueName="subscribed")
    sns = user_denied(own_node, "topics", topic).client("sns")
    refused(sns, "publish", "TopicArn", topic, Message="x")
    refused(sns, "publish", "TargetArn", topic, Message="x")
    refused(sns, "get_topic_attributes", "TopicArn", topic)
    refused(sns, "list_tags_for_resource", "ResourceArn", topic)
    refused(sns, "subscribe", "TopicArn", topic, Protocol="email", Endpoint="a@example.com")
    subscribed = own_node.client("sns").subscribe(
        TopicArn=topic,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:us-east-1:{ACCOUNT}:subscribed",
        ReturnSubscriptionArn=True,
    )
    subscription = subscribed["SubscriptionArn"]
    refused(sns, "get_subscription_attributes", "SubscriptionArn", subscription)
    for spelling in spellings(subscription):
        code_of(sns.unsubscribe, SubscriptionArn=spelling)
    assert own_node.client("sns").get_subscription_attributes(SubscriptionArn=subscription)


def test_move_tasks(own_node: RunningNode) -> None:
    sqs, letters = own_node.client("sqs"), f"arn:aws:sqs:us-east-1:{ACCOUNT}:letters"
    redrive = json.dumps({"deadLetterTargetArn": letters, "maxReceiveCount": 1})
    sqs.create_queue(QueueName="letters")
    sqs.create_queue(QueueName="work", Attributes={"RedrivePolicy": redrive})
    denied = user_denied(own_node, "queues", letters).client("sqs")
    refused(denied, "start_message_move_task", "SourceArn", letters)
    refused(denied, "list_message_move_tasks", "SourceArn", letters)


def test_repositories(own_node: RunningNode) -> None:
    made = own_node.client("ecr").create_repository(repositoryName="images")["repository"]
    ecr = user_denied(own_node, "repositories", made["repositoryArn"]).client("ecr")
    refused(ecr, "list_tags_for_resource", "resourceArn", made["repositoryArn"])


def test_stack_sets(own_node: RunningNode) -> None:
    cloudformation = own_node.client("cloudformation")
    cloudformation.create_stack_set(StackSetName="sites", TemplateBody=_TEMPLATE)
    arn = cloudformation.describe_stack_set(StackSetName="sites")["StackSet"]["StackSetARN"]
    denied = user_denied(own_node, "sets", arn).client("cloudformation")
    refused(denied, "describe_stack_set", "StackSetName", arn)
    for spelling in ("sites", arn.rpartition("stackset/")[2], f"x/stackset/{arn.rpartition('stackset/')[2]}"):
        assert code_of(denied.describe_stack_set, StackSetName=spelling), spelling
    for spelling in spellings(arn):
        code_of(denied.delete_stack_set, StackSetName=spelling)
    assert cloudformation.describe_stack_set(StackSetName="sites")["StackSet"]["Status"] == "ACTIVE"


def test_a_stack_set_shows_no_template_that_its_author_may_not_read(own_node: RunningNode) -> None:
    cloudformation = own_node.client("cloudformation")
    stack = cloudformation.create_stack(StackName="hidden", TemplateBody=_TEMPLATE)["StackId"]
    denied = user_denied(own_node, "authors", stack).client("cloudformation")
    for named in (stack, "hidden", stack.replace("aws", "aws-cn", 1)):
        assert code_of(denied.create_stack_set, StackSetName="copy", StackId=named), named
    denied.create_stack_set(StackSetName="own", TemplateBody=_TEMPLATE)
    assert code_of(denied.import_stacks_to_stack_set, StackSetName="own", StackIds=[stack]) == "AccessDenied"


def test_who_may_not_pass_a_stack_sets_role_does_not_update_it(own_node: RunningNode) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateStackSet.html"""
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "cloudformation.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    role = own_node.client("iam").create_role(
        RoleName="custom",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    cloudformation = own_node.client("cloudformation")
    cloudformation.create_stack_set(
        StackSetName="guarded", TemplateBody=_TEMPLATE, AdministrationRoleARN=role
    )
    other = User(own_node, "updaters", ("cloudformation:*", "*")).client("cloudformation")
    update = {"StackSetName": "guarded", "TemplateBody": _TEMPLATE}
    assert code_of(other.update_stack_set, **update) == "ValidationError"
    assert code_of(other.update_stack_set, **update, AdministrationRoleARN=role) == "AccessDenied"
    assert not code_of(cloudformation.update_stack_set, **update, AdministrationRoleARN=role)


def test_users_and_roles_from_a_region_of_another_partition(own_node: RunningNode) -> None:
    iam = own_node.client("iam")
    iam.create_user(UserName="guarded-user")
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="guarded-role", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    denied = user_denied(own_node, "abroad", f"arn:aws:iam::{ACCOUNT}:user/*", role)
    for region in ("us-east-1", "cn-north-1", "us-gov-west-1"):
        users, sessions = denied.client("iam", region=region), denied.client("sts", region=region)
        assert code_of(users.create_access_key, UserName="guarded-user") == "AccessDenied"
        assert code_of(sessions.assume_role, RoleArn=role, RoleSessionName="abroad") == "AccessDenied"


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "us-east-1"])
def test_new_users_and_roles_signed_for_another_partition(own_node: RunningNode, region: str) -> None:
    arns = [f"arn:aws:iam::{ACCOUNT}:{kind}/*" for kind in ("user", "role", "policy", "group")]
    iam = user_denied(own_node, f"makers-{region}", *arns).client("iam", region=region)
    document = json.dumps({"Version": "2012-10-17", "Statement": []})
    assert code_of(iam.create_user, UserName="made") == "AccessDenied"
    assert code_of(iam.create_group, GroupName="made") == "AccessDenied"
    assert code_of(iam.create_policy, PolicyName="made", PolicyDocument=document) == "AccessDenied"
    assert code_of(iam.create_role, RoleName="made", AssumeRolePolicyDocument=document) == "AccessDenied"
