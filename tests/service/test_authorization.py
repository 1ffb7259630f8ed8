"""Roles and users may do what their policies allow, and are refused the rest in each service's own error."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from nodes import RunningNode

ACCOUNT = "000000000000"
_ENTRY = {"Source": "shop", "DetailType": "order", "Detail": "{}"}
_BUS = f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/default"


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    running = RunningNode(environ={"NIGHTBUS_AUTHORIZATION": "enforce"})
    yield running
    running.stop()


def statement(action: str, resource: str = "*", effect: str = "Allow", **more: Any) -> str:
    one = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


def trust(service: str = "lambda.amazonaws.com", account: str = ACCOUNT) -> str:
    principals = {"Service": service, "AWS": f"arn:aws:iam::{account}:root"}
    one = {"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [one]})


def role_keys(node: RunningNode, name: str, policy: str | None = None) -> dict[str, str]:
    iam = node.client("iam")
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust())["Role"]["Arn"]
    if policy is not None:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    issued = node.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    return {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }


def test_a_role_puts_events_only_with_the_permission(node: RunningNode) -> None:
    iam, events = node.client("iam"), node.client("events", **role_keys(node, "clerk"))
    with pytest.raises(ClientError) as refused:
        events.put_events(Entries=[_ENTRY])
    error = refused.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == (
        "AccessDeniedException",
        400,
    )
    assert error["Error"]["Message"] == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/clerk/me is not authorized to perform: events:PutEvents on "
        f"resource: {_BUS} because no identity-based policy allows the events:PutEvents action"
    )
    iam.put_role_policy(RoleName="clerk", PolicyName="p", PolicyDocument=statement("events:PutEvents", _BUS))
    assert events.put_events(Entries=[_ENTRY])["FailedEntryCount"] == 0
    iam.put_role_policy(
        RoleName="clerk", PolicyName="no", PolicyDocument=statement("events:*", effect="Deny")
    )
    with pytest.raises(ClientError, match="with an explicit deny in an identity-based policy"):
        events.put_events(Entries=[_ENTRY])


def test_conditions_see_the_account_of_the_resource(node: RunningNode) -> None:
    """As the policies of the CDK's bootstrap use it; a bucket's ARN does not have its account."""
    node.client("s3").create_bucket(Bucket="ours")
    for number, key in enumerate(("aws:ResourceAccount", "s3:ResourceAccount")):
        own, other = (
            role_keys(
                node, f"{name}{number}", statement("s3:List*", Condition={"StringEquals": {key: account}})
            )
            for name, account in (("own", ACCOUNT), ("other", "111111111111"))
        )
        assert node.client("s3", **own).list_objects_v2(Bucket="ours")["KeyCount"] == 0
        with pytest.raises(ClientError, match="no identity-based policy allows the s3:ListBucket action"):
            node.client("s3", **other).list_objects_v2(Bucket="ours")


def test_each_object_of_a_deletion_is_judged_by_itself(node: RunningNode) -> None:
    s3 = node.client("s3")
    s3.create_bucket(Bucket="judged")
    for key in ("mine/a", "yours/a"):
        s3.put_object(Bucket="judged", Key=key, Body=b"x")
    own = node.client("s3", **role_keys(node, "sweeper", statement("s3:*", "arn:aws:s3:::judged/mine/*")))
    objects = {"Objects": [{"Key": "mine/a"}, {"Key": "yours/a"}]}
    reply = own.delete_objects(Bucket="judged", Delete=objects)
    assert [one["Key"] for one in reply["Deleted"]] == ["mine/a"]
    assert [(one["Key"], one["Code"]) for one in reply["Errors"]] == [("yours/a", "AccessDenied")]
