"""Policies name principals that exist; a deleted one is shown by its id, and gives nothing to the next of its name.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal

Clients = Callable[..., Any]
ACCOUNT = "000000000000"
IAM = f"arn:aws:iam::{ACCOUNT}:"


def document(principal: Any, action: str = "sts:AssumeRole", **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def fresh(noun: str) -> str:
    return f"{noun}-{uuid4().hex[:8]}"


@pytest.fixture
def iam(client: Clients) -> Any:
    return client("iam")


def session(client: Clients, arn: str) -> dict[str, str]:
    issued = client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    return {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }


def principal_of(iam: Any, role: str) -> Any:
    trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
    return trust["Statement"][0]["Principal"]["AWS"]


@pytest.mark.parametrize("principal", [f"{IAM}role/nobody", f"{IAM}user/team/nobody", "AIDAEXAMPLEEXAMPLE12"])
def test_a_principal_that_does_not_exist_is_refused(iam: Any, principal: str) -> None:
    name = fresh("role")
    told = refusal(iam.create_role, RoleName=name, AssumeRolePolicyDocument=document({"AWS": principal}))
    text = f'Invalid principal in policy: "AWS":"{principal}"'
    assert told == ("MalformedPolicyDocument", 400, text)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document({"AWS": ACCOUNT}))
    wrong = document({"AWS": [ACCOUNT, principal]})
    assert refusal(iam.update_assume_role_policy, RoleName=name, PolicyDocument=wrong) == told


def test_a_principal_of_an_account_that_is_not_here_is_accepted(iam: Any, client: Clients) -> None:
    elsewhere = "arn:aws:iam::999988887777:role/deployer"
    name = fresh("role")
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document({"AWS": elsewhere}))
    client("iam", account="999988887777").create_user(UserName=fresh("user"))
    told = refusal(iam.update_assume_role_policy, RoleName=name, PolicyDocument=document({"AWS": elsewhere}))
    assert told[0] == "MalformedPolicyDocument"


def test_a_user_who_is_made_again_is_not_the_one_that_is_trusted(iam: Any, client: Clients) -> None:
    user, role = fresh("user"), fresh("role")
    made = iam.create_user(UserName=user)["User"]
    trusting = {"RoleName": role, "AssumeRolePolicyDocument": document({"AWS": made["Arn"]})}
    arn = iam.create_role(**trusting)["Role"]["Arn"]

    def assume() -> Any:
        key = iam.create_access_key(UserName=user)["AccessKey"]
        keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
        try:
            return client("sts", **keys).assume_role(RoleArn=arn, RoleSessionName="me")
        finally:
            iam.delete_access_key(UserName=user, AccessKeyId=key["AccessKeyId"])

    assert assume()["AssumedRoleUser"]
    iam.delete_user(UserName=user)
    assert principal_of(iam, role) == made["UserId"]
    iam.create_user(UserName=user)
    assert principal_of(iam, role) == made["UserId"]
    assert refusal(assume)[:2] == ("AccessDenied", 403)
    iam.update_assume_role_policy(RoleName=role, PolicyDocument=trusting["AssumeRolePolicyDocument"])
    assert principal_of(iam, role) == made["Arn"]
    assert assume()["AssumedRoleUser"]


def test_a_user_who_is_renamed_stays_trusted(iam: Any) -> None:
    user, other, role = fresh("user"), fresh("other"), fresh("role")
    arn = iam.create_user(UserName=user)["User"]["Arn"]
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=document({"AWS": [arn, ACCOUNT]}))
    iam.update_user(UserName=user, NewUserName=other, NewPath="/team/")
    assert principal_of(iam, role) == [f"{IAM}user/team/{other}", ACCOUNT]


def test_resources_give_nothing_to_a_role_that_is_made_again(iam: Any, client: Clients) -> None:
    role, bucket = fresh("role"), fresh("bucket")
    asked = {"RoleName": role, "AssumeRolePolicyDocument": document({"AWS": ACCOUNT})}
    made = iam.create_role(**asked)["Role"]
    s3, sqs, kms = client("s3"), client("sqs"), client("kms")
    s3.create_bucket(Bucket=bucket)
    shared = document({"AWS": made["Arn"]}, "s3:ListBucket", Resource=f"arn:aws:s3:::{bucket}")
    s3.put_bucket_policy(Bucket=bucket, Policy=shared)
    url = sqs.create_queue(
        QueueName=bucket, Attributes={"Policy": document({"AWS": made["Arn"]}, "sqs:*", Resource="*")}
    )["QueueUrl"]
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_grant(KeyId=key, GranteePrincipal=made["Arn"], Operations=["Encrypt"])
    topic = client("sns").create_topic(Name=bucket)["TopicArn"]
    client("sns").add_permission(TopicArn=topic, Label="a", AWSAccountId=[ACCOUNT], ActionName=["Publish"])
    before = session(client, made["Arn"])
    client("s3", **before).list_objects_v2(Bucket=bucket)
    client("sqs", **before).get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    client("kms", **before).encrypt(KeyId=key, Plaintext=b"x")
    iam.delete_role(RoleName=role)
    shown = json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])
    assert shown["Statement"][0]["Principal"] == {"AWS": made["RoleId"]}
    after = session(client, iam.create_role(**asked)["Role"]["Arn"])
    assert refusal(client("s3", **after).list_objects_v2, Bucket=bucket)[0] == "AccessDenied"
    assert refusal(client("sqs", **after).get_queue_attributes, QueueUrl=url)[1] in (400, 403)
    assert refusal(client("kms", **after).encrypt, KeyId=key, Plaintext=b"x")[0] == "AccessDeniedException"


def test_policies_of_resources_with_a_principal_that_does_not_exist_are_refused(client: Clients) -> None:
    name, nobody = fresh("shared"), f"{IAM}role/nobody"
    s3, sqs, sns, kms = client("s3"), client("sqs"), client("sns"), client("kms")
    secrets = client("secretsmanager")
    s3.create_bucket(Bucket=name)
    policy = document({"AWS": nobody}, "s3:GetObject", Resource=f"arn:aws:s3:::{name}/*")
    told = refusal(s3.put_bucket_policy, Bucket=name, Policy=policy)
    assert told == ("MalformedPolicy", 400, "Invalid principal in policy")
    policy = document({"AWS": nobody}, "sqs:SendMessage", Resource="*")
    text = "Invalid value for the parameter Policy."
    assert refusal(sqs.create_queue, QueueName=name, Attributes={"Policy": policy})[2] == text
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    assert refusal(sqs.set_queue_attributes, QueueUrl=url, Attributes={"Policy": policy})[2] == text
    policy = document({"AWS": nobody}, "sns:Publish", Resource="*")
    text = "Invalid parameter: Policy Error: PrincipalNotFound"
    assert refusal(sns.create_topic, Name=name, Attributes={"Policy": policy})[2].endswith(text[19:])
    topic = sns.create_topic(Name=name)["TopicArn"]
    setting = {"TopicArn": topic, "AttributeName": "Policy", "AttributeValue": policy}
    assert refusal(sns.set_topic_attributes, **setting) == ("InvalidParameter", 400, text)
    own = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "kms:*", "Resource": "*"}
    shared = json.loads(document({"AWS": nobody}, "kms:Encrypt", Resource="*"))
    shared["Statement"].append(own)
    text = "Policy contains a statement with one or more invalid principals."
    expected = ("MalformedPolicyDocumentException", 400, text)
    assert refusal(kms.create_key, Policy=json.dumps(shared)) == expected
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert refusal(kms.put_key_policy, KeyId=key, Policy=json.dumps(shared)) == expected
    for principal in ("somebody", "arn:aws:iam::*:root", f"{IAM}group/team", "arn:aws:s3:::bucket"):
        policy = document({"AWS": principal}, "s3:GetObject", Resource=f"arn:aws:s3:::{name}/*")
        assert refusal(s3.put_bucket_policy, Bucket=name, Policy=policy) == told
    session = f"arn:aws:sts::{ACCOUNT}:assumed-role/nobody/me"
    for principal in (ACCOUNT, "111122223333", f"{IAM}root", session):
        policy = document({"AWS": principal}, "s3:GetObject", Resource=f"arn:aws:s3:::{name}/*")
        s3.put_bucket_policy(Bucket=name, Policy=policy)
    secrets.create_secret(Name=name, SecretString="x")
    policy = document({"AWS": nobody}, "secretsmanager:GetSecretValue", Resource="*")
    told = refusal(secrets.put_resource_policy, SecretId=name, ResourcePolicy=policy)
    assert told[:2] == ("MalformedPolicyDocumentException", 400)
    client("ecr").create_repository(repositoryName=name)
    policy = document({"AWS": nobody}, "ecr:BatchGetImage")
    told = refusal(client("ecr").set_repository_policy, repositoryName=name, policyText=policy)
    assert told[:2] == ("InvalidParameterException", 400)
