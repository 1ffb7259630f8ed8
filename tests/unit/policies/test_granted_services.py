"""Which services a policy grants, whatever its resources and conditions are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.policies.granted_services import granted_services

ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}


def granted(*statements: dict[str, Any]) -> list[str]:
    grants = granted_services(json.dumps({"Version": "2012-10-17", "Statement": list(statements)}))
    return [one for one in ("s3", "sns", "sqs") if grants(one)]


@pytest.mark.parametrize(
    ("action", "services"),
    [("*", ["s3", "sns", "sqs"]), ("S3:Get*", ["s3"]), ("s*s:Publish", ["sns", "sqs"]), ("ec2:*", [])],
)
def test_an_action_grants_its_services(action: str, services: list[str]) -> None:
    condition = {"StringEquals": {"aws:username": "x"}}
    allow = {"Effect": "Allow", "Action": [action], "Resource": "arn:aws:s3:::b", "Condition": condition}
    assert granted(allow) == services


def test_not_action_spares_only_whole_services() -> None:
    assert granted({**ALL, "Action": None, "NotAction": ["s3:*", "sns:Publish"]}) == ["sns", "sqs"]


def test_a_deny_of_a_whole_service_takes_it_away() -> None:
    deny = {"Effect": "Deny", "Action": ["sqs:*", "s3:PutObject"], "Resource": "*"}
    assert granted(ALL, deny) == ["s3", "sns"]
    assert granted(ALL, {**deny, "Resource": "arn:aws:sqs:us-east-1:1:q"}) == ["s3", "sns", "sqs"]
