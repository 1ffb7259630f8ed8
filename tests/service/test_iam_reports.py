"""What IAM reports of an account: its entities with their policies, credentials, and when they were used last."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal
from iam_rig import BASIC, TRUST, fresh
from lambda_rig import trust

Clients = Callable[..., Any]
ACCOUNT = "000000000000"


def policy(action: str, effect: str = "Allow") -> str:
    statement = {"Effect": effect, "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def iam(client: Clients) -> Any:
    return client("iam")


@pytest.fixture
def user(iam: Any) -> str:
    name = fresh("user")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy("sqs:*"))
    return name


def keys_of(iam: Any, user: str) -> dict[str, str]:
    key = iam.create_access_key(UserName=user)["AccessKey"]
    return {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}


def all_details(iam: Any, *filters: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    pages = iam.get_paginator("get_account_authorization_details").paginate(
        Filter=filters, PaginationConfig={"PageSize": 7}
    )
    for page in pages:
        lists = {name: page[name] for name in page if isinstance(page[name], list)}
        assert sum(map(len, lists.values())) <= 7
        for name, members in lists.items():
            found.setdefault(name, []).extend(members)
    return found


def named(members: list[Any], member: str, name: str) -> dict[str, Any]:
    (found,) = [one for one in members if one[member] == name]
    return dict(found)


def test_an_account_is_described_page_by_page(iam: Any, user: str) -> None:
    role, group, own = fresh("role"), fresh("group"), fresh("policy")
    arn = iam.create_policy(PolicyName=own, PolicyDocument=policy("s3:*"))["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("s3:Get*"), SetAsDefault=True)
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, PermissionsBoundary=arn)
    iam.attach_role_policy(RoleName=role, PolicyArn=BASIC)
    iam.create_instance_profile(InstanceProfileName=role)
    iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)
    iam.create_group(GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="g", PolicyDocument=policy("sns:*"))
    iam.add_user_to_group(GroupName=group, UserName=user)
    found = all_details(iam)
    shown = named(found["UserDetailList"], "UserName", user)
    assert shown["GroupList"] == [group]
    assert shown["UserPolicyList"] == [{"PolicyName": "own", "PolicyDocument": json.loads(policy("sqs:*"))}]
    shown = named(found["RoleDetailList"], "RoleName", role)
    assert shown["AssumeRolePolicyDocument"] == trust("lambda.amazonaws.com")
    assert [one["PolicyArn"] for one in shown["AttachedManagedPolicies"]] == [BASIC]
    assert shown["PermissionsBoundary"]["PermissionsBoundaryArn"] == arn
    assert [one["InstanceProfileName"] for one in shown["InstanceProfileList"]] == [role]
    shown = named(found["GroupDetailList"], "GroupName", group)
    assert [one["PolicyName"] for one in shown["GroupPolicyList"]] == ["g"]
    shown = named(found["Policies"], "Arn", arn)
    assert [one["VersionId"] for one in shown["PolicyVersionList"]] == ["v2", "v1"]
    assert shown["PolicyVersionList"][0]["Document"] == json.loads(policy("s3:Get*"))
    assert shown["PermissionsBoundaryUsageCount"] == 1
    assert named(found["Policies"], "Arn", BASIC)["AttachmentCount"] >= 1
    only = all_details(iam, "LocalManagedPolicy", "Group")
    assert only["UserDetailList"] == only["RoleDetailList"] == []
    assert BASIC not in [one["Arn"] for one in only["Policies"]]


def test_a_summary_counts(iam: Any, user: str) -> None:
    before = iam.get_account_summary()["SummaryMap"]
    iam.create_user(UserName=fresh("another"))
    after = iam.get_account_summary()["SummaryMap"]
    assert after["Users"] == before["Users"] + 1
    assert (after["UsersQuota"], after["AccessKeysPerUserQuota"], after["AccountMFAEnabled"]) == (5000, 2, 0)


def test_an_access_key_says_when_it_was_used_last(iam: Any, client: Clients, user: str) -> None:
    keys = keys_of(iam, user)
    chosen = {"AccessKeyId": keys["aws_access_key_id"]}
    unused = iam.get_access_key_last_used(**chosen)["AccessKeyLastUsed"]
    assert unused == {"ServiceName": "N/A", "Region": "N/A"}
    client("sqs", region="eu-west-1", **keys).list_queues()
    used = iam.get_access_key_last_used(**chosen)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("sqs", "eu-west-1")
    with pytest.raises(Exception, match="not authorized"):
        client("sns", **keys).list_topics()
    used = iam.get_access_key_last_used(**chosen)["AccessKeyLastUsed"]
    assert (used["ServiceName"], used["Region"]) == ("sns", "us-east-1")


def test_a_role_that_was_made_again_was_not_used(iam: Any, client: Clients) -> None:
    name = fresh("role")
    root = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [root]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    assert iam.get_role(RoleName=name)["Role"]["RoleLastUsed"] == {}
    issued = client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    session = {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }
    client("sts", **session).get_caller_identity()
    used = iam.get_role(RoleName=name)["Role"]["RoleLastUsed"]
    assert used["Region"] == "us-east-1"
    assert used["LastUsedDate"] is not None
    iam.delete_role(RoleName=name)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
    assert iam.get_role(RoleName=name)["Role"]["RoleLastUsed"] == {}


def test_the_credential_report_has_a_line_for_each_user(iam: Any, client: Clients, user: str) -> None:
    keys = keys_of(iam, user)
    keys_of(iam, user)
    client("sqs", **keys).list_queues()
    assert iam.generate_credential_report()["State"] in ("STARTED", "COMPLETE")
    assert iam.generate_credential_report()["State"] == "COMPLETE"
    report = iam.get_credential_report()
    assert report["ReportFormat"] == "text/csv"
    rows = list(csv.DictReader(io.StringIO(report["Content"].decode())))
    assert len(rows[0]) == 22
    assert rows[0]["user"] == "<root_account>"
    (row,) = [one for one in rows if one["user"] == user]
    assert (row["password_enabled"], row["mfa_active"], row["cert_1_active"]) == ("false",) * 3
    assert (row["access_key_1_active"], row["access_key_1_last_used_service"]) == ("true", "sqs")
    assert (row["access_key_2_active"], row["access_key_2_last_used_date"]) == ("true", "N/A")


def test_an_account_without_a_report_says_so(client: Clients) -> None:
    other = client("iam", account="777788889999")
    assert refusal(other.get_credential_report)[:2] == ("ReportNotPresent", 410)


def test_services_that_a_user_may_use_and_has_used(iam: Any, client: Clients, user: str) -> None:
    group = fresh("group")
    iam.create_group(GroupName=group)
    iam.put_group_policy(GroupName=group, PolicyName="g", PolicyDocument=policy("sns:Publish"))
    iam.add_user_to_group(GroupName=group, UserName=user)
    client("sqs", **keys_of(iam, user)).list_queues()
    arn = iam.get_user(UserName=user)["User"]["Arn"]
    job = iam.generate_service_last_accessed_details(Arn=arn, Granularity="ACTION_LEVEL")["JobId"]
    reply = iam.get_service_last_accessed_details(JobId=job)
    assert (reply["JobStatus"], reply["JobType"]) == ("COMPLETED", "ACTION_LEVEL")
    sns, sqs = reply["ServicesLastAccessed"]
    assert (sns["ServiceNamespace"], sns["TotalAuthenticatedEntities"]) == ("sns", 0)
    assert (sqs["ServiceNamespace"], sqs["LastAuthenticatedEntity"]) == ("sqs", arn)
    assert [one["ActionName"] for one in sqs["TrackedActionsLastAccessed"]] == ["ListQueues"]
    group_arn = iam.get_group(GroupName=group)["Group"]["Arn"]
    job = iam.generate_service_last_accessed_details(Arn=group_arn)["JobId"]
    members = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="sns")
    (member,) = members["EntityDetailsList"]
    assert (member["EntityInfo"]["Name"], member["EntityInfo"]["Type"]) == (user, "USER")
    assert "LastAuthenticated" not in member
    assert refusal(iam.get_service_last_accessed_details, JobId=str(uuid4()))[0] == "NoSuchEntity"


def test_the_last_use_of_a_policy_is_that_of_who_has_it(iam: Any, client: Clients, user: str) -> None:
    own = iam.create_policy(PolicyName=fresh("policy"), PolicyDocument=policy("sqs:*"))["Policy"]["Arn"]
    iam.attach_user_policy(UserName=user, PolicyArn=own)
    client("sqs", **keys_of(iam, user)).list_queues()
    job = iam.generate_service_last_accessed_details(Arn=own)["JobId"]
    (sqs,) = iam.get_service_last_accessed_details(JobId=job)["ServicesLastAccessed"]
    assert sqs["LastAuthenticatedEntity"].endswith(user)
    reply = iam.get_service_last_accessed_details_with_entities(JobId=job, ServiceNamespace="sqs")
    assert [one["EntityInfo"]["Name"] for one in reply["EntityDetailsList"]] == [user]


def test_the_policies_that_grant_a_service(iam: Any, user: str) -> None:
    iam.attach_user_policy(UserName=user, PolicyArn=BASIC)
    iam.put_user_policy(UserName=user, PolicyName="no", PolicyDocument=policy("logs:*", "Deny"))
    arn = iam.get_user(UserName=user)["User"]["Arn"]
    reply = iam.list_policies_granting_service_access(Arn=arn, ServiceNamespaces=["sqs", "logs", "s3"])
    found = {one["ServiceNamespace"]: one["Policies"] for one in reply["PoliciesGrantingServiceAccess"]}
    inline = {"PolicyName": "own", "PolicyType": "INLINE", "EntityType": "USER", "EntityName": user}
    basic = {"PolicyName": BASIC.rsplit("/", 1)[-1], "PolicyType": "MANAGED", "PolicyArn": BASIC}
    assert found == {"sqs": [inline], "logs": [basic], "s3": []}
