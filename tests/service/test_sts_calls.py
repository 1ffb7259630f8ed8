"""External ids by boto3: whichever way a trust policy asks for one, nobody comes in without it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from aws_refusals import refusal


def role_with(client: Callable[..., Any], condition: dict[str, Any]) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    name = f"guarded-{uuid4().hex[:8]}"
    return str(client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"])


@pytest.mark.parametrize(
    ("condition", "right", "wrong"),
    [
        ({"StringEquals": {"STS:externalid": ["one", "two"]}}, "two", "Two"),
        ({"StringEqualsIgnoreCase": {"sts:ExternalId": "Agreed"}}, "aGREED", "other"),
        ({"StringLike": {"sts:ExternalId": "shop-?-*"}}, "shop-1-blue", "shop-10"),
        ({"StringLike": {"sts:ExternalId": "a.c:*"}}, "a.c:d", "abc:d"),
        (
            {"StringEquals": {"sts:ExternalId": "ab"}, "StringLike": {"sts:ExternalId": "a*"}},
            "ab",
            "ac",
        ),
    ],
)
def test_an_external_id(
    client: Callable[..., Any], condition: dict[str, Any], right: str, wrong: str
) -> None:
    arn = role_with(client, condition)
    sts = client("sts")
    sts.assume_role(RoleArn=arn, RoleSessionName="guest", ExternalId=right)
    for params in ({}, {"ExternalId": wrong}):
        told = refusal(sts.assume_role, RoleArn=arn, RoleSessionName="guest", **params)
        assert told[:2] == ("AccessDenied", 403)
