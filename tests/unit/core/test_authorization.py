"""What the Authorizer remembers of a role's trust policy holds for the caller that was judged, and for no other."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nightbus.aws.calls import Call, Caller, Scope
from nightbus.aws.errors import AwsError
from nightbus.clock import VirtualClock
from nightbus.identity.authorization import Authorizer
from nightbus.identity.principals import Principal
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.request import Need, Values

ROLE = "arn:aws:iam::111111111111:role/r"
BUCKET = "arn:aws:s3:::b"  # the ARN of a bucket does not say whose it is
SERVICE = "s3.amazonaws.com"
SEND = Need("sqs:SendMessage", "arn:aws:sqs:us-east-1:111111111111:q")
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": SERVICE},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": "222222222222"}},
    },
}
SENDING = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
}


class OneRole:
    """The principals of a node that has one role."""

    def __init__(self) -> None:
        self.role = Principal(
            (Policy.compile(SENDING, PolicyKind.IDENTITY, "p"),),
            trust=Policy.compile(TRUST, PolicyKind.TRUST, "trust"),
        )

    async def role_of(self, arn: str) -> Principal | None:
        return self.role if arn == ROLE else None


class NoPolicies:
    """Resources without policies."""

    async def policy(self, arn: str) -> Policy | None:
        return None

    def has_policies(self, arn: str) -> bool:
        return False

    async def owner(self, arn: str) -> str:
        return ""

    async def tags(self, arn: str, keys: Mapping[str, Values]) -> Mapping[str, str]:
        return {}


async def test_trust_in_a_service_for_one_account_is_none_for_another() -> None:
    authorizer = Authorizer(OneRole(), NoPolicies(), VirtualClock())  # type: ignore[arg-type]
    scope = Scope("222222222222", "us-east-1")
    asking = Call(scope, Caller.for_service("222222222222", SERVICE, BUCKET), "", request_id="r")
    assert await authorizer.is_assumable(ROLE, asking, "s3:PutObject")
    acting = Call(scope, Caller.in_role(ROLE, "s", SERVICE, BUCKET), "", request_id="r")
    with pytest.raises(AwsError, match="sts:AssumeRole"):
        await authorizer.authorize("sqs:SendMessage", [SEND], acting)
