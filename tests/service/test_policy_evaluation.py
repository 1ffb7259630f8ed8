"""The node gives the evaluator what policies ask about: names, tags, addresses, times, regions, prefixes, sessions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode

OWN, OTHER = "000000000000", "222222222222"


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode()
    yield running
    running.stop()


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


class User:
    """An IAM user with one policy, and its clients."""

    def __init__(
        self, node: RunningNode, *statements: dict[str, Any], account: str = OWN, **settings: Any
    ) -> None:
        self._node, self.name, self.account = node, f"u{uuid4().hex[:8]}", account
        iam = node.client("iam", account=account)
        self.arn = iam.create_user(UserName=self.name, **settings)["User"]["Arn"]
        if statements:
            iam.put_user_policy(UserName=self.name, PolicyName="p", PolicyDocument=document(*statements))
        self._key = iam.create_access_key(UserName=self.name)["AccessKey"]

    def client(self, service: str, **more: Any) -> Any:
        return self._node.client(
            service,
            aws_access_key_id=self._key["AccessKeyId"],
            aws_secret_access_key=self._key["SecretAccessKey"],
            **more,
        )


def refused(call: Any, **params: Any) -> str:
    """Return the message of the refusal."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    assert "Denied" in error["Code"] or "Authorization" in error["Code"], error
    return str(error["Message"])


def test_a_users_name_is_a_variable(node: RunningNode) -> None:
    user = User(node, allow("sqs:*", "arn:aws:sqs:*:*:${aws:username}-*"))
    sqs = user.client("sqs")
    sqs.create_queue(QueueName=f"{user.name}-q")
    assert "no identity-based policy" in refused(sqs.create_queue, QueueName="somebody-q")


def test_tags_of_the_user_and_of_the_resource(node: RunningNode) -> None:
    same = {"StringEquals": {"aws:ResourceTag/project": "${aws:PrincipalTag/project}"}}
    red = User(node, allow("sqs:*", Condition=same), Tags=[{"Key": "project", "Value": "red"}])
    queues = {
        project: node.client("sqs").create_queue(QueueName=f"q{uuid4().hex[:8]}", tags={"project": project})
        for project in ("red", "blue")
    }
    red.client("sqs").send_message(QueueUrl=queues["red"]["QueueUrl"], MessageBody="x")
    refused(red.client("sqs").send_message, QueueUrl=queues["blue"]["QueueUrl"], MessageBody="x")


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, False),
        ({"NumericGreaterThan": {"aws:EpochTime": "1577836800"}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "us-east-1"}}, True),
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}, False),
        ({"StringEquals": {"aws:PrincipalType": "User", "aws:PrincipalAccount": OWN}}, True),
        ({"Null": {"aws:TokenIssueTime": "true"}}, True),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, False),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "true"}}, True),
        ({"StringLike": {"aws:userid": "AIDA*"}}, True),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
        ({"Bool": {"aws:ViaAWSService": "false"}}, True),
        ({"ArnLike": {"aws:PrincipalArn": f"arn:aws:iam::{OWN}:user/u*"}}, True),
    ],
)
def test_global_keys(node: RunningNode, condition: dict[str, Any], allowed: bool) -> None:
    sns = User(node, allow("sns:ListTopics", Condition=condition)).client("sns")
    if allowed:
        sns.list_topics()
    else:
        refused(sns.list_topics)


def test_keys_of_s3(node: RunningNode) -> None:
    bucket = f"b{uuid4().hex[:8]}"
    node.client("s3").create_bucket(Bucket=bucket)
    arn = f"arn:aws:s3:::{bucket}"
    plain = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    s3 = User(
        node,
        allow("s3:ListBucket", arn, Condition={"StringLike": {"s3:prefix": ["home/*", ""]}}),
        allow(["s3:PutObject", "s3:GetObject"], f"{arn}/home/*"),
        allow("s3:PutObject", f"{arn}/*", "Deny", Condition=plain),
    ).client("s3")
    s3.put_object(Bucket=bucket, Key="home/a", Body=b"x", ServerSideEncryption="AES256")
    assert s3.get_object(Bucket=bucket, Key="home/a")["Body"].read() == b"x"
    s3.list_objects_v2(Bucket=bucket, Prefix="home/")
    refused(s3.list_objects_v2, Bucket=bucket, Prefix="other/")
    refused(s3.get_object, Bucket=bucket, Key="other/a")
    assert "explicit deny" in refused(s3.put_object, Bucket=bucket, Key="home/b", Body=b"x")


def test_a_boundary_limits_a_user_but_not_what_a_queue_gives_it(node: RunningNode) -> None:
    iam, sqs = node.client("iam"), node.client("sqs")
    boundary = iam.create_policy(PolicyName=f"p{uuid4().hex[:8]}", PolicyDocument=document(allow("sns:*")))
    user = User(node, allow("*"), PermissionsBoundary=boundary["Policy"]["Arn"])
    user.client("sns").list_topics()
    assert "no permissions boundary" in refused(user.client("sqs").list_queues)
    url = sqs.create_queue(QueueName=f"q{uuid4().hex[:8]}")["QueueUrl"]
    refused(user.client("sqs").send_message, QueueUrl=url, MessageBody="x")
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    gives = document(allow("sqs:SendMessage", arn, Principal={"AWS": user.arn}))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": gives})
    user.client("sqs").send_message(QueueUrl=url, MessageBody="x")


def test_a_session_policy_limits_a_session(node: RunningNode) -> None:
    iam, name = node.client("iam"), f"r{uuid4().hex[:8]}"
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": OWN}}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trust))["Role"]["Arn"]
    iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document(allow(["sns:*", "sqs:*"])))
    user = User(node, allow("sts:AssumeRole", role))
    issued = user.client("sts").assume_role(
        RoleArn=role, RoleSessionName="me", Policy=document(allow(["sns:*", "s3:*"]))
    )["Credentials"]
    keys = {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }
    node.client("sns", **keys).list_topics()
    assert "no session policy" in refused(node.client("sqs", **keys).list_queues)
    assert "no identity-based policy" in refused(node.client("s3", **keys).list_buckets)
    assert "no identity-based policy" in refused(
        User(node).client("sts").assume_role, RoleArn=role, RoleSessionName="me"
    )


def test_a_keys_policy_lets_the_account_decide_or_not(node: RunningNode) -> None:
    kms = node.client("kms")
    user = User(node, allow("kms:*"))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    user.client("kms").encrypt(KeyId=key, Plaintext=b"x")
    refused(User(node).client("kms").encrypt, KeyId=key, Plaintext=b"x")
    named = document(allow("kms:Decrypt", Principal={"AWS": user.arn}))
    kms.put_key_policy(KeyId=key, Policy=named, BypassPolicyLockoutSafetyCheck=True)
    assert "no resource-based policy" in refused(user.client("kms").encrypt, KeyId=key, Plaintext=b"x")


def test_across_accounts_both_sides_must_allow(node: RunningNode) -> None:
    sqs = node.client("sqs")
    url = sqs.create_queue(QueueName=f"q{uuid4().hex[:8]}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    may, may_not = User(node, allow("sqs:SendMessage", arn), account=OTHER), User(node, account=OTHER)
    assert "no resource-based policy" in refused(
        may.client("sqs").send_message, QueueUrl=url, MessageBody="x"
    )
    gives = document(allow("sqs:SendMessage", arn, Principal={"AWS": OTHER}))
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": gives})
    may.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    refused(may_not.client("sqs").send_message, QueueUrl=url, MessageBody="x")


@pytest.mark.parametrize(("addresses", "allowed"), [("127.0.0.0/8", True), ("203.0.113.0/24", False)])
def test_a_queues_and_a_topics_policy_see_the_callers_address(
    node: RunningNode, addresses: str, allowed: bool
) -> None:
    only = allow("{}:*", "*", "Deny", Principal="*", Condition={"NotIpAddress": {"aws:SourceIp": addresses}})
    sqs, sns, name = node.client("sqs"), node.client("sns"), f"n{uuid4().hex[:8]}"
    policy = document({**only, "Action": "sqs:SendMessage"})
    url = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    policy = document({**only, "Action": "sns:Publish"})
    topic = sns.create_topic(Name=name, Attributes={"Policy": policy})["TopicArn"]
    for send, params in (
        (sqs.send_message, {"QueueUrl": url, "MessageBody": "x"}),
        (sns.publish, {"TopicArn": topic, "Message": "x"}),
    ):
        if allowed:
            send(**params)
        else:
            assert "explicit deny in a resource-based policy" in refused(send, **params)


def test_a_deny_of_a_repository_holds_for_its_own_account(node: RunningNode) -> None:
    ecr, name = node.client("ecr"), f"r{uuid4().hex[:8]}"
    ecr.create_repository(repositoryName=name)
    no_lists = {"Effect": "Deny", "Principal": "*", "Action": "ecr:ListImages"}
    ecr.set_repository_policy(repositoryName=name, policyText=document(no_lists))
    assert "explicit deny in a resource-based policy" in refused(ecr.list_images, repositoryName=name)
    ecr.get_repository_policy(repositoryName=name)
