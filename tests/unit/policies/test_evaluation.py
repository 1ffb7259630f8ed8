"""Which policies decide on a request, and what does a refusal say?"""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.policies.decision import Decision, Effect, PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.evaluation import Policies, decide, explain, refusal_text, smallest_statement
from nightbus.policies.request import AccessRequest

OWNER, OTHER = "111122223333", "444455556666"
USER = f"arn:aws:iam::{OWNER}:user/ann"
ROLE = f"arn:aws:iam::{OWNER}:role/clerk"
SESSION = f"arn:aws:sts::{OWNER}:assumed-role/clerk/me"
QUEUE = f"arn:aws:sqs:us-east-1:{OWNER}:orders"


def policy(kind: PolicyKind = PolicyKind.IDENTITY, effect: str = "Allow", **statement: Any) -> Policy:
    named = {"Principal": "*"} if kind in (PolicyKind.RESOURCE, PolicyKind.TRUST) else {}
    filled = {"Sid": "One", "Effect": effect, "Action": "sqs:*", "Resource": "*", **named, **statement}
    return Policy.compile({"Version": "2012-10-17", "Statement": [filled]}, kind, "p")


def request(arn: str = SESSION, account: str = OWNER, **more: Any) -> AccessRequest:
    return AccessRequest("sqs:SendMessage", QUEUE, arn, account, **more)


ALLOW, DENY = policy(), policy(effect="Deny")
NOTHING = policy(Action="sns:*")
RESOURCE, BOUNDARY, SESSIONS, TRUST = (
    PolicyKind.RESOURCE,
    PolicyKind.BOUNDARY,
    PolicyKind.SESSION,
    PolicyKind.TRUST,
)


def names(principal: Any) -> Policy:
    return policy(RESOURCE, Principal=principal)


@pytest.mark.parametrize(
    ("policies", "kind"),
    [
        (Policies(), PolicyKind.IDENTITY),
        (Policies(identity=None), None),
        (Policies((ALLOW,)), None),
        (Policies((ALLOW, DENY)), PolicyKind.IDENTITY),
        (Policies((ALLOW,), boundary=policy(BOUNDARY)), None),
        (Policies((ALLOW,), boundary=policy(BOUNDARY, Action="sns:*")), BOUNDARY),
        (Policies((ALLOW,), boundary=policy(BOUNDARY, "Deny")), BOUNDARY),
        (Policies((ALLOW,), session=()), SESSIONS),
        (Policies((ALLOW,), session=(policy(SESSIONS, Action="sns:*"), policy(SESSIONS))), None),
        (Policies((ALLOW,), session=(policy(SESSIONS, "Deny"), policy(SESSIONS))), SESSIONS),
        (Policies(resource=names({"AWS": SESSION})), None),
        (
            Policies(resource=names({"AWS": SESSION}), boundary=policy(BOUNDARY, Action="sns:*"), session=()),
            None,
        ),
        (Policies(resource=names({"AWS": ROLE})), None),
        (
            Policies(resource=names({"AWS": ROLE}), boundary=policy(BOUNDARY, Action="sns:*")),
            PolicyKind.IDENTITY,
        ),
        (Policies(resource=names({"AWS": ROLE}), session=()), PolicyKind.IDENTITY),
        (Policies(resource=names({"AWS": OWNER})), PolicyKind.IDENTITY),
        (Policies((ALLOW,), resource=policy(RESOURCE, "Deny")), RESOURCE),
        (Policies(identity=None, resource=policy(RESOURCE, "Deny")), RESOURCE),
    ],
)
def test_within_an_account(policies: Policies, kind: PolicyKind | None) -> None:
    decision = decide(request(), policies, OWNER)
    assert (decision.kind, decision.is_allowed) == (kind, kind is None)


@pytest.mark.parametrize(
    ("policies", "kind"),
    [
        (Policies((ALLOW,)), RESOURCE),
        (Policies(resource=names({"AWS": OTHER})), PolicyKind.IDENTITY),
        (Policies((ALLOW,), resource=names({"AWS": OTHER})), None),
        (Policies(None, resource=names({"AWS": f"arn:aws:iam::{OTHER}:root"})), None),
        (Policies((ALLOW,), policy(BOUNDARY, Action="sns:*"), resource=names({"AWS": OTHER})), BOUNDARY),
    ],
)
def test_across_accounts_both_sides_must_allow(policies: Policies, kind: PolicyKind | None) -> None:
    visitor = request(f"arn:aws:iam::{OTHER}:user/bob", OTHER)
    assert decide(visitor, policies, OWNER).kind is kind


def test_services_and_strangers_have_the_resources_policy_alone() -> None:
    service, stranger = request("", "", service="sns.amazonaws.com"), request("", "")
    for_service = Policies(resource=names({"Service": "sns.amazonaws.com"}))
    assert decide(service, for_service, OWNER).is_allowed
    assert not decide(stranger, for_service, OWNER).is_allowed
    assert decide(stranger, Policies(resource=names("*")), OWNER).is_allowed
    assert decide(service, Policies(), OWNER).kind is RESOURCE


def test_a_trust_policy_and_a_keys_policy_must_allow() -> None:
    trust = Policies(
        (policy(Action="sts:AssumeRole"),), resource=policy(TRUST, Action="sts:AssumeRole", Principal={})
    )
    assume = AccessRequest("sts:AssumeRole", ROLE, USER, OWNER)
    assert (
        decide(assume, trust, OWNER).reason == "because no role trust policy allows the sts:AssumeRole action"
    )
    key = f"arn:aws:kms:us-east-1:{OWNER}:key/k"
    encrypt = AccessRequest("kms:Encrypt", key, USER, OWNER)
    identity = (policy(Action="kms:*"),)
    enabled = policy(RESOURCE, Action="kms:*", Principal={"AWS": f"arn:aws:iam::{OWNER}:root"})
    assert not decide(
        encrypt, Policies(identity, resource=policy(RESOURCE, Action="kms:*", Principal={})), OWNER
    ).is_allowed
    assert decide(encrypt, Policies(identity, resource=enabled), OWNER).is_allowed
    assert not decide(encrypt, Policies(resource=enabled), OWNER).is_allowed


def test_a_refusal_says_why_as_aws_does() -> None:
    decision = explain(request(), Policies((NOTHING, DENY)), OWNER)
    assert refusal_text(request(), decision) == (
        f"User: {SESSION} is not authorized to perform: sqs:SendMessage on resource: {QUEUE} "
        "with an explicit deny in an identity-based policy"
    )
    assert [one.effect for one in decision.verdicts] == [Effect.IMPLICIT_DENY, Effect.EXPLICIT_DENY]
    assert decision.verdicts[1].statements == ("One",)
    assert isinstance(decision, Decision)
    assert smallest_statement(request()) == {
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
    }


@pytest.mark.parametrize(
    ("action", "resource", "part"),
    [
        ("s3:PutObject", "arn:aws:s3:::b/k", 's3:PutObject on resource: "arn:aws:s3:::b/k" because no'),
        ("s3:ListAllMyBuckets", "*", "s3:ListAllMyBuckets because no"),
        ("lambda:ListFunctions", "*", "lambda:ListFunctions on resource: * because no"),
    ],
)
def test_s3_quotes_the_resource_of_a_refusal(action: str, resource: str, part: str) -> None:
    """As https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html shows."""
    asked = AccessRequest(action, resource, USER, OWNER)
    assert f"is not authorized to perform: {part}" in refusal_text(
        asked, decide(asked, Policies((NOTHING,)), OWNER)
    )
