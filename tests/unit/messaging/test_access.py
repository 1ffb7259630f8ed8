"""Whom does the policy of a queue or topic let in?"""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.aws.calls import Caller
from nightbus.messaging.access import Access
from nightbus.policies import callers
from nightbus.policies.document import Policy
from nightbus.policies.request import AccessRequest

OWNER, GUEST = "111111111111", "222222222222"
ARN = f"arn:aws:sqs:us-east-1:{OWNER}:orders"
RULE = f"arn:aws:events:us-east-1:{OWNER}:rule/paid"
SEND, GET, SET = "sqs:sendmessage", "sqs:getqueueattributes", "sqs:setqueueattributes"
ROOT = Caller.root(OWNER)
GUESTS_ROOT = Caller.root(GUEST)
CLERK = Caller(OWNER, f"arn:aws:sts::{OWNER}:assumed-role/clerk/me", "AROA:me")
VISITOR = Caller(GUEST, f"arn:aws:sts::{GUEST}:assumed-role/visitor/me", "AROA:me")
STACK = Caller(OWNER, f"arn:aws:iam::{OWNER}:user/u", "AIDA", "", "cloudformation.amazonaws.com", "arn:stack")
EVENTS = Caller.for_service(OWNER, "events.amazonaws.com", RULE)

ALLOW_GUEST = {"Effect": "Allow", "Principal": {"AWS": GUEST}}
ALLOW_EVENTS = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}}
DENY_ALL = {"Effect": "Deny", "Principal": "*"}


def access(*statements: dict[str, Any]) -> Access:
    filled = [{"Action": "SQS:*", "Resource": ARN, **one} for one in statements]
    return Access(ARN, OWNER, json.dumps({"Version": "2012-10-17", "Statement": filled}) if filled else None)


def when(effect: dict[str, Any], operator: str, **keys: str) -> dict[str, Any]:
    condition = {operator: {name.replace("_", ":"): value for name, value in keys.items()}}
    return {**effect, "Condition": condition}


def only_root(account: str) -> dict[str, Any]:
    return {**ALLOW_GUEST, "Principal": {"AWS": f"arn:aws:iam::{account}:root"}}


@pytest.mark.parametrize("caller", [ROOT, CLERK, STACK])
@pytest.mark.parametrize("action", [SEND, SET])
def test_the_owner_needs_no_permission(caller: Caller, action: str) -> None:
    for policy in (access(), access(ALLOW_EVENTS)):
        assert policy.refusal(caller, action) == policy.refusal_but_to_owner(caller, action) == ""


def test_others_and_services_are_told_why_they_may_not() -> None:
    why = f"is not authorized to perform: {SEND} on resource: {ARN} because no resource-based policy allows"
    for caller, name in ((GUESTS_ROOT, GUESTS_ROOT.arn), (VISITOR, VISITOR.arn), (EVENTS, EVENTS.service)):
        assert access().refusal(caller, SEND) == f"User: {name} {why} the {SEND} action"
    denied = access(DENY_ALL).refusal(CLERK, SEND)
    assert denied.endswith(f"{SEND} on resource: {ARN} with an explicit deny in a resource-based policy")


@pytest.mark.parametrize(
    ("statements", "caller", "allowed"),
    [
        ([ALLOW_GUEST], GUESTS_ROOT, True),
        ([ALLOW_GUEST], VISITOR, True),
        ([only_root(GUEST)], VISITOR, True),
        ([only_root("333333333333")], VISITOR, False),
        ([{**ALLOW_GUEST, "Principal": {"AWS": f"arn:aws:iam::{GUEST}:role/visitor"}}], VISITOR, True),
        ([{**ALLOW_GUEST, "Principal": {"AWS": f"arn:aws:iam::{GUEST}:role/other"}}], VISITOR, False),
        ([{**ALLOW_GUEST, "Principal": {"AWS": VISITOR.arn}}], VISITOR, True),
        ([{**ALLOW_GUEST, "Principal": "*"}], VISITOR, True),
        ([{**ALLOW_GUEST, "Action": ["sqs:ReceiveMessage", "SQS:SendMessage"]}], VISITOR, True),
        ([{**ALLOW_GUEST, "Action": "sqs:ReceiveMessage"}], VISITOR, False),
        ([{**ALLOW_GUEST, "Resource": f"{ARN}-2"}], VISITOR, False),
        ([ALLOW_GUEST, DENY_ALL], VISITOR, False),
        ([ALLOW_GUEST, {**DENY_ALL, "Action": "sqs:DeleteMessage"}], VISITOR, True),
        ([ALLOW_EVENTS], VISITOR, False),
        ([ALLOW_EVENTS], EVENTS, True),
        ([ALLOW_GUEST], EVENTS, False),
        ([only_root(OWNER)], EVENTS, False),  # a service is not its source's account
        ([when(ALLOW_EVENTS, "ArnEquals", aws_SourceArn=RULE)], EVENTS, True),
        ([when(ALLOW_EVENTS, "ArnEquals", aws_SourceArn=f"{RULE}s")], EVENTS, False),
        ([when(ALLOW_EVENTS, "StringEquals", aws_SourceAccount=OWNER)], EVENTS, True),
        ([when(ALLOW_EVENTS, "StringEquals", aws_SourceAccount=GUEST)], EVENTS, False),
        ([ALLOW_EVENTS, when(DENY_ALL, "Bool", aws_SecureTransport="false")], EVENTS, True),
        ([when(DENY_ALL, "Bool", aws_SecureTransport="false")], CLERK, True),
        ([when(DENY_ALL, "StringNotEquals", aws_PrincipalAccount=OWNER)], CLERK, True),
        ([ALLOW_GUEST, when(DENY_ALL, "StringNotEquals", aws_PrincipalAccount=OWNER)], VISITOR, False),
        ([ALLOW_EVENTS, when(DENY_ALL, "Bool", aws_PrincipalIsAWSService="false")], EVENTS, True),
        ([when(DENY_ALL, "Bool", aws_PrincipalIsAWSService="false")], CLERK, False),
        ([when(DENY_ALL, "Bool", aws_ViaAWSService="false")], CLERK, False),
        ([when(DENY_ALL, "Bool", aws_ViaAWSService="false")], STACK, True),
        ([when(DENY_ALL, "ArnNotEquals", aws_PrincipalArn=f"arn:aws:iam::{OWNER}:role/clerk")], CLERK, True),
        ([when(DENY_ALL, "ArnNotEquals", aws_PrincipalArn=CLERK.arn)], CLERK, False),  # it is the role's ARN
        ([{**DENY_ALL, "Principal": {"AWS": f"arn:aws:iam::{OWNER}:role/clerk"}}], CLERK, False),
        ([{**DENY_ALL, "Principal": {"AWS": f"arn:aws:iam::{OWNER}:role/cook"}}], CLERK, True),
        ([when({**ALLOW_GUEST, "Principal": "*"}, "StringEquals", AWS_SourceOwner=OWNER)], VISITOR, False),
        ([when({**ALLOW_GUEST, "Principal": "*"}, "StringEquals", AWS_SourceOwner=OWNER)], EVENTS, False),
        ([when(ALLOW_GUEST, "IpAddress", aws_SourceIp="127.0.0.1/8")], VISITOR, False),
        ([when(DENY_ALL, "NotIpAddress", aws_SourceIp="127.0.0.1/8")], CLERK, False),
    ],
)
def test_the_policy_says_who_may(statements: list[dict[str, Any]], caller: Caller, allowed: bool) -> None:
    policy = access(*statements)
    for _ in range(2):  # judged, and remembered
        assert (policy.refusal(caller, SEND) == "") is allowed
    if caller is EVENTS:
        assert policy.admits(caller.service, caller.source_arn, SEND) is allowed


def test_what_is_the_owners_alone_no_policy_gives_to_others() -> None:
    everything = access({**ALLOW_GUEST, "Principal": "*"})
    refused = everything.refusal_but_to_owner(VISITOR, "sqs:deletequeue")
    assert "because no resource-based policy allows the sqs:deletequeue action" in refused
    assert everything.refusal_but_to_owner(EVENTS, "sqs:deletequeue")
    assert everything.refusal_but_to_owner(CLERK, "sqs:deletequeue") == ""
    assert "explicit deny" in access(DENY_ALL).refusal_but_to_owner(CLERK, "sqs:deletequeue")


def test_the_owners_root_can_always_mend_a_policy() -> None:
    locked = access(DENY_ALL)
    assert locked.refusal(ROOT, GET) == locked.refusal_but_to_owner(ROOT, SET) == ""
    for caller, action in ((ROOT, SEND), (CLERK, SET), (GUESTS_ROOT, GET)):
        assert "explicit deny" in locked.refusal(caller, action)


def test_an_action_may_have_condition_keys_of_its_own() -> None:
    policy = access(when(ALLOW_GUEST, "StringEquals", sns_Protocol="https"))
    for protocol, allowed in (("https", True), ("http", False), ("https", True)):
        refused = policy.refusal(VISITOR, "SQS:Subscribe", {"sns:protocol": protocol})
        assert (refused == "") is allowed
    assert policy.refusal(ROOT, "SQS:Subscribe", {"sns:protocol": "http"}) == ""


def test_a_question_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    refusal = callers.refusal

    def noting(policy: Policy, request: AccessRequest, owner: str) -> str:
        judged.append(request.action)
        return refusal(policy, request, owner)

    monkeypatch.setattr("nightbus.messaging.access.refusal", noting)
    policy = access(ALLOW_GUEST, ALLOW_EVENTS)
    policy.refusal(ROOT, SEND)
    assert judged == []  # nobody is denied anything
    policy.refusal(VISITOR, SEND)
    before = len(judged)
    policy.refusal(VISITOR, SEND)
    assert len(judged) == before > 0
    policy.refusal(VISITOR, GET)
    assert len(judged) > before


def test_what_is_remembered_has_an_end() -> None:
    policy = access(ALLOW_GUEST)
    for number in range(2500):
        policy.refusal(Caller(GUEST, f"{VISITOR.arn}{number}", ""), SEND)
    assert len(policy._answers) <= 1000
    assert policy.refusal(VISITOR, SEND) == ""


def test_what_is_no_statement_says_nothing() -> None:
    broken = Access(
        ARN, OWNER, json.dumps({"Statement": ["all", {**ALLOW_GUEST, "Action": "*", "Resource": "*"}]})
    )
    assert broken.refusal(ROOT, SEND) == broken.refusal(VISITOR, SEND) == ""
