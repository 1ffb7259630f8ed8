"""Managed policies by boto3: quotas, listings in pages, AWS's own, and boundaries that deletions must see."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import Request, urlopen
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from aws_refusals import refusal
from lambda_rig import trust

TRUST = json.dumps(trust("lambda.amazonaws.com"))
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
LAMBDA = "arn:aws:iam::aws:policy/AWSLambda_FullAccess"


@pytest.fixture
def iam(client: Callable[..., Any]) -> Any:
    return client("iam")


def document(resource: str = "*") -> str:
    statement = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make_policy(iam: Any, path: str = "/") -> str:
    made = iam.create_policy(PolicyName=f"policy-{uuid4().hex[:8]}", Path=path, PolicyDocument=document())
    return str(made["Policy"]["Arn"])


def make_role(iam: Any, **params: Any) -> str:
    name = f"role-{uuid4().hex[:8]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, **params)
    return name


def test_a_managed_policy_has_6144_characters_without_its_white_space(iam: Any) -> None:
    room = 6144 - len(document("arn:aws:s3:::").replace(" ", ""))
    name = f"policy-{uuid4().hex[:8]}"
    over = document("arn:aws:s3:::" + "x" * (room + 1))
    told = refusal(iam.create_policy, PolicyName=name, PolicyDocument=over)
    assert told == ("LimitExceeded", 409, "Cannot exceed quota for PolicySize: 6144")
    fits = document("arn:aws:s3:::" + "x" * room)
    assert len(fits) > 6144
    iam.create_policy(PolicyName=name, PolicyDocument=fits)
    told = refusal(iam.create_policy, PolicyName=name, PolicyDocument=fits)
    text = f"A policy called {name} already exists. Duplicate names are not allowed."
    assert told == ("EntityAlreadyExists", 409, text)


def test_documents_are_percent_encoded_on_the_wire(node: Any, iam: Any) -> None:
    role = make_role(iam)
    scope = "20260101/us-east-1/iam/aws4_request"
    request = Request(
        node.endpoint,
        f"Action=GetRole&Version=2010-05-08&RoleName={role}".encode(),
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "Authorization": f"AWS4-HMAC-SHA256 Credential=000000000000/{scope}, SignedHeaders=host, Signature=0",
        },
    )
    with urlopen(request) as reply:
        body = reply.read().decode()
    assert "<AssumeRolePolicyDocument>%7B%22Version%22%3A%20%222012-10-17%22" in body


def test_listings_by_scope_path_and_use(iam: Any) -> None:
    path = f"/{uuid4().hex[:8]}/"
    used, unused = make_policy(iam, path), make_policy(iam, path)
    role = make_role(iam)
    iam.attach_role_policy(RoleName=role, PolicyArn=used)

    def listed(**params: Any) -> list[str]:
        pages = iam.get_paginator("list_policies").paginate(PathPrefix=path, **params)
        return [one["Arn"] for page in pages for one in page["Policies"]]

    assert listed(Scope="Local") == sorted([used, unused])
    assert listed(PaginationConfig={"PageSize": 1}) == sorted([used, unused])
    assert listed(OnlyAttached=True) == [used]
    assert listed(Scope="AWS") == []
    assert listed(PolicyUsageFilter="PermissionsBoundary") == []
    iam.put_role_permissions_boundary(RoleName=role, PermissionsBoundary=unused)
    assert listed(PolicyUsageFilter="PermissionsBoundary") == [unused]


def test_a_marker_of_nobodys_is_refused(iam: Any) -> None:
    assert refusal(iam.list_policies, Marker="bogus") == ("ValidationError", 400, "Invalid Marker.")


def test_policies_of_aws_are_read_only(iam: Any) -> None:
    changes = [
        (iam.delete_policy, {}),
        (iam.create_policy_version, {"PolicyDocument": document()}),
        (iam.delete_policy_version, {"VersionId": "v1"}),
        (iam.set_default_policy_version, {"VersionId": "v1"}),
    ]
    for change, params in changes:
        assert refusal(change, PolicyArn=READ_ONLY, **params)[:2] == ("AccessDenied", 403)


def test_policies_of_aws_have_their_default_versions(iam: Any) -> None:
    default = iam.get_policy(PolicyArn=LAMBDA)["Policy"]["DefaultVersionId"]
    versions = iam.list_policy_versions(PolicyArn=LAMBDA)["Versions"]
    assert [one["VersionId"] for one in versions] == [default]
    shown = iam.get_policy_version(PolicyArn=LAMBDA, VersionId=default)["PolicyVersion"]
    assert any("lambda:*" in one["Action"] for one in shown["Document"]["Statement"])
    code, status, message = refusal(iam.get_policy_version, PolicyArn=LAMBDA, VersionId="v1")
    assert (code, status) == ("NotImplementedException", 501)
    assert message.startswith(f"iam:GetPolicyVersion with {LAMBDA} v1")
    later = refusal(iam.get_policy_version, PolicyArn=LAMBDA, VersionId="v1000")
    assert later[:2] == ("NoSuchEntity", 404)


def test_json_has_no_nan(iam: Any) -> None:
    text = document().replace('"*"', '"*", "Condition": {"NumericEquals": {"s3:max-keys": NaN}}')
    told = refusal(iam.create_policy, PolicyName="never", PolicyDocument=text)
    assert told == ("MalformedPolicyDocument", 400, "Syntax errors in policy.")


def test_a_boundary_must_be_there(iam: Any) -> None:
    gone = "arn:aws:iam::000000000000:policy/gone"
    told = ("NoSuchEntity", 404, f"Policy {gone} does not exist or is not attachable.")
    role = make_role(iam)
    assert refusal(iam.put_role_permissions_boundary, RoleName=role, PermissionsBoundary=gone) == told
    create = {"RoleName": "never", "AssumeRolePolicyDocument": TRUST, "PermissionsBoundary": gone}
    assert refusal(iam.create_role, **create) == told
    assert refusal(iam.get_role, RoleName="never")[0] == "NoSuchEntity"


def test_roles_made_at_once_share_a_boundary(iam: Any) -> None:
    policy = make_policy(iam)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: make_role(iam, PermissionsBoundary=policy), range(8)))
    assert iam.get_policy(PolicyArn=policy)["Policy"]["PermissionsBoundaryUsageCount"] == 8


def test_a_boundary_never_outlives_its_policy(iam: Any) -> None:
    """Set and deleted at the same time, one of the two is refused."""

    def attempt(call: Callable[..., Any], **params: Any) -> bool:
        try:
            call(**params)
        except ClientError as refused:
            assert refused.response["Error"]["Code"] in (
                "NoSuchEntity",
                "DeleteConflict",
                "ConcurrentModification",
            )
            return False
        return True

    role = make_role(iam)
    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            policy = make_policy(iam)
            bound = pool.submit(
                attempt, iam.put_role_permissions_boundary, RoleName=role, PermissionsBoundary=policy
            )
            deleted = pool.submit(attempt, iam.delete_policy, PolicyArn=policy)
            assert (bound.result(), deleted.result()) != (True, True)
            if bound.result():
                iam.delete_role_permissions_boundary(RoleName=role)
