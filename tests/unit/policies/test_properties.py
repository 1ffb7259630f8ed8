"""What holds for every policy and request: a Deny never allows more, an Allow never denies more, nothing raises."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.policies.decision import Effect, PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.evaluation import Policies, decide, explain, refusal_text
from nightbus.policies.grammar import check_identity_policy, check_trust_policy
from nightbus.policies.operators import OPERATORS
from nightbus.policies.request import AccessRequest

OWN, OTHER = "111122223333", "444455556666"
RESOURCES = [
    "*",
    "arn:aws:sqs:us-east-1:111122223333:q",
    "arn:aws:sqs:*:*:${aws:username}",
    "arn:aws:s3:::b/?*",
    "",
]
ACTIONS = ["*", "sqs:*", "sqs:SendMessage", "SQS:sendmessage", "s3:Get?bject", "kms:*", ""]
KEYS = [
    "aws:SourceIp",
    "aws:username",
    "aws:TagKeys",
    "s3:max-keys",
    "aws:CurrentTime",
    "vendor:x",
    "aws:SourceArn",
]
VALUES = st.one_of(
    st.sampled_from(
        ["10.0.0.0/8", "ann", "5", "2026-01-01", "true", "${aws:username}", "${x, 'd'}", "${", "a*", ""]
    ),
    st.text(max_size=8),
    st.booleans(),
    st.integers(),
)
NAMES = [
    *OPERATORS,
    *(f"{one}IfExists" for one in OPERATORS),
    "Null",
    "Unknown",
    "ForAnyValue:",
    "ForAllValues:Null",
]
OPERATOR = st.builds(
    lambda prefix, name: prefix + name,
    st.sampled_from(["", "ForAnyValue:", "ForAllValues:", "x:"]),
    st.sampled_from(NAMES),
)
CONDITION = st.dictionaries(
    OPERATOR,
    st.dictionaries(st.sampled_from(KEYS), st.one_of(VALUES, st.lists(VALUES, max_size=3)), max_size=2),
    max_size=2,
)
PRINCIPAL = st.sampled_from(
    [
        "*",
        {"AWS": "*"},
        {"AWS": OWN},
        {"AWS": [OTHER, f"arn:aws:iam::{OWN}:role/r"]},
        {"Service": "sns.amazonaws.com"},
        {},
        "x",
    ]
)


def one_or_more(texts: list[str]) -> st.SearchStrategy[Any]:
    return st.one_of(st.sampled_from(texts), st.lists(st.sampled_from(texts), max_size=3))


def named(name: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda negated, value: {f"{'Not' if negated else ''}{name}": value}, st.booleans(), values
    )


def statements(effect: str | None = None) -> st.SearchStrategy[dict[str, Any]]:
    effects = st.sampled_from(["Allow", "Deny"]) if effect is None else st.just(effect)
    return st.builds(
        lambda effect, action, resource, principal, condition: {
            "Effect": effect, **action, **resource, **principal, "Condition": condition,
        },
        effects, named("Action", one_or_more(ACTIONS)), named("Resource", one_or_more(RESOURCES)),
        named("Principal", PRINCIPAL), CONDITION,
    )  # fmt: skip


REQUESTS = st.builds(
    lambda action, resource, arn, account, service, keys: AccessRequest(
        action, resource, arn and f"arn:aws:{arn.replace('ACCOUNT', account)}", account if arn else "",
        "" if arn else service, "arn:aws:sns:us-east-1:1:t", OWN, keys,
    ),
    st.sampled_from(["sqs:SendMessage", "s3:GetObject", "kms:Encrypt"]),
    st.sampled_from(["arn:aws:sqs:us-east-1:111122223333:q", "arn:aws:s3:::b/k", "*"]),
    st.sampled_from(["", "iam::ACCOUNT:user/ann", "iam::ACCOUNT:root", "sts::ACCOUNT:assumed-role/r/s"]),
    st.sampled_from([OWN, OTHER]),
    st.sampled_from(["", "sns.amazonaws.com"]),
    st.dictionaries(
        st.sampled_from([one.lower() for one in KEYS]),
        st.sampled_from(["10.1.1.1", "ann", "5", "2026-01-01", "", ("a", "b"), ()]) | st.text(max_size=6),
        max_size=4,
    ),
)  # fmt: skip
DOCUMENTS = st.lists(statements(), max_size=3)


def policy(kind: PolicyKind, listed: list[dict[str, Any]]) -> Policy:
    return Policy.of_statements(listed, kind)


def effect_of(
    request: AccessRequest, identity: list[Any], boundary: list[Any], resource: list[Any]
) -> Effect:
    policies = Policies(
        (policy(PolicyKind.IDENTITY, identity),),
        policy(PolicyKind.BOUNDARY, boundary) if boundary else None,
        (policy(PolicyKind.SESSION, boundary),) if len(boundary) > 1 else None,
        policy(PolicyKind.RESOURCE, resource) if resource else None,
    )
    decision = explain(request, policies, OWN)
    assert decision.is_allowed or refusal_text(request, decision).endswith(decision.reason)
    return decision.effect


@given(REQUESTS, DOCUMENTS, DOCUMENTS, DOCUMENTS, statements("Deny"), st.integers(0, 2))
def test_a_further_deny_never_allows_more(
    request: Any, identity: Any, boundary: Any, resource: Any, further: Any, where: int
) -> None:
    """The boundary and the resource have a policy already: a policy that only denies would begin to limit by itself."""
    before = effect_of(request, identity, boundary, resource)
    lists = [identity, boundary or [], resource]
    lists[where] = [*lists[where], further]
    assert effect_of(request, *lists) is not Effect.ALLOW or before is Effect.ALLOW


@given(REQUESTS, DOCUMENTS, DOCUMENTS, DOCUMENTS, statements("Allow"), st.sampled_from([0, 2]))
def test_a_further_allow_never_denies_more(
    request: Any, identity: Any, boundary: Any, resource: Any, further: Any, where: int
) -> None:
    before = effect_of(request, identity, boundary, resource)
    lists = [identity, boundary, resource]
    if where == 2 and not resource:
        return  # a key's first policy closes it to its account, as on AWS
    lists[where] = [*lists[where], further]
    after = effect_of(request, *lists)
    assert after is Effect.ALLOW or before is not Effect.ALLOW
    assert (after is Effect.EXPLICIT_DENY) is (before is Effect.EXPLICIT_DENY)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
ELEMENTS = (
    "Sid",
    "Effect",
    "Action",
    "Resource",
    "Principal",
    "NotAction",
    "NotResource",
    "NotPrincipal",
    "Condition",
)
WILD = st.fixed_dictionaries({}, optional=dict.fromkeys(ELEMENTS, JSON))


@given(
    REQUESTS,
    st.one_of(
        JSON,
        st.fixed_dictionaries({"Version": JSON, "Statement": st.one_of(WILD, st.lists(WILD, max_size=2))}),
    ),
)
def test_nothing_compiled_raises(request: Any, document: Any) -> None:
    for kind in PolicyKind:
        compiled = Policy.compile(
            document if isinstance(document, dict) else {"Statement": document}, kind, "p"
        )
        compiled.judge(request, request.action.lower())
        compiled.verdict(request)


@given(st.text(max_size=30) | st.from_type(dict).map(str))
def test_the_grammar_raises_its_own_error_only(text: str) -> None:
    for check in (check_identity_policy, check_trust_policy):
        with pytest.raises(AwsError, match="MalformedPolicyDocument"):
            check(text)


@pytest.mark.parametrize(
    "pattern", ["*a" * 400 + "*b", "*a?" * 300 + "*b", "?*" * 400 + "b", "*" * 900 + "b"]
)
def test_hostile_wildcards_take_linear_time(pattern: str) -> None:
    listed: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": pattern, "Resource": "*"},
        {"Effect": "Allow", "Action": "*", "Resource": pattern},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringLike": {"s3:prefix": pattern}}},
        {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"ArnLike": {"s3:prefix": "arn:" + pattern}}},
        {"Effect": "Allow", "Action": "*", "Resource": pattern + "${aws:username}*a*b"},
    ]  # fmt: skip
    text = "a" * 2_000
    request = AccessRequest(
        f"sqs:{text}", text, f"arn:aws:iam::{OWN}:user/ann", OWN, keys={"s3:prefix": text}
    )
    began = time.process_time()
    hostile = Policies((policy(PolicyKind.IDENTITY, listed),))
    assert decide(request, hostile, OWN).effect is Effect.IMPLICIT_DENY
    assert time.process_time() - began < 1
