"""The pure decisions of Lambda: names, policies, retries, trust, weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambda_rig import SCOPE
from nightbus.aws.errors import AwsError
from nightbus.aws.wildcards import like
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy as ResourcePolicy
from nightbus.policies.request import AccessRequest
from nightbus.services.lambda_.aliases import chosen_version
from nightbus.services.lambda_.invocations.queued import (
    Again,
    Discard,
    Policy,
    QueuedInvocation,
    after_error,
    after_refusal,
)
from nightbus.services.lambda_.names import FunctionRef, function_ref

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:f"
RULE = "arn:aws:events:eu-west-1:123456789012:rule/bus/orders"
names = st.from_regex(r"[a-zA-Z0-9-_]{1,64}", fullmatch=True).filter(lambda name: name != "function")


@given(names, st.sampled_from(["", "$LATEST", "7", "live"]))
def test_every_way_to_name_a_function_is_the_same(name: str, qualifier: str) -> None:
    end = f":{qualifier}" if qualifier else ""
    expected = FunctionRef(SCOPE, name, qualifier)
    for start in ("function:", "123456789012:function:", "arn:aws:lambda:eu-west-1:123456789012:function:"):
        assert function_ref(SCOPE, f"{start}{name}{end}") == expected
    assert function_ref(SCOPE, name, qualifier or None) == expected


def test_two_qualifiers_must_agree() -> None:
    with pytest.raises(AwsError, match="derived qualifier"):
        function_ref(SCOPE, "f:1", "2")
    with pytest.raises(AwsError, match="less than or equal to 64"):
        function_ref(SCOPE, "f" * 65)


def statement(**changes: Any) -> dict[str, Any]:
    return {
        "Sid": "s",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN,
        **changes,
    }


ORDER = AccessRequest("lambda:InvokeFunction", ARN, "", "", "events.amazonaws.com", RULE, "123456789012")


def is_allowed(statements: list[dict[str, Any]], request: AccessRequest) -> bool:
    return ResourcePolicy.of_statements(statements, PolicyKind.RESOURCE).allows(request)


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ({}, True),
        ({"Principal": "*"}, True),
        ({"Principal": {"Service": "s3.amazonaws.com"}}, False),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, False),
        ({"Action": "lambda:*"}, True),
        ({"Action": "lambda:GetFunction"}, False),
        ({"Resource": f"{ARN}:live"}, False),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": RULE}}}, True),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": RULE.replace("orders", "*")}}}, True),
        ({"Condition": {"ArnLike": {"AWS:SourceArn": RULE.replace("orders", "other")}}}, False),
        ({"Condition": {"StringEquals": {"AWS:SourceAccount": "123456789012"}}}, True),
        ({"Condition": {"StringEquals": {"AWS:SourceAccount": "999999999999"}}}, False),
        ({"Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}, False),
        ({"Condition": {"Unknown": {"AWS:SourceArn": RULE}}}, False),
        ({"Effect": "Deny"}, False),
    ],
)
def test_a_statement_allows(changes: dict[str, Any], allowed: bool) -> None:
    assert is_allowed([statement(**changes)], ORDER) is allowed


def test_a_denial_outweighs() -> None:
    assert not is_allowed([statement(), statement(Effect="Deny")], ORDER)
    assert not is_allowed([], ORDER)


def test_wildcards_of_arns_stay_within_their_part() -> None:
    for pattern, fits in (("arn:aws:events:*:*:rule/*", True), ("arn:*:rule/bus/orders", False)):
        condition = {"ArnLike": {"aws:SourceArn": pattern}}
        assert is_allowed([statement(Condition=condition)], ORDER) is fits


@given(st.text(), st.text())
def test_a_text_is_like_itself_and_like_a_star(text: str, other: str) -> None:
    literal = "".join(char for char in text if char not in "*?")
    assert like(literal, literal)
    assert like(f"{literal}*", literal + other)
    assert like(literal, other) is (literal == other)


EVENT = QueuedInvocation("123456789012", "eu-west-1", "f", "", "id", "{}", accepted=1_000_000)


@given(st.integers(0, 2), st.integers(60, 21_600))
def test_errors_end_after_the_retries_and_never_outlast_the_age(retries: int, age: int) -> None:
    policy = Policy(retries, age * 1000)
    now, invocation = EVENT.accepted, EVENT
    for _ in range(retries):
        decision = after_error(invocation, policy, now)
        assert isinstance(decision, Again)
        assert decision.due <= EVENT.accepted + policy.longest_age_ms + 1
        assert decision.invocation.request_id == EVENT.request_id
        now, invocation = max(now, decision.due), decision.invocation
    assert after_error(invocation, policy, now) == Discard("RetriesExhausted")


def test_refusals_back_off_to_five_minutes() -> None:
    pauses = [after_refusal(replace(EVENT, refusals=n), Policy(), EVENT.accepted).due for n in range(12)]
    assert [pause - EVENT.accepted for pause in pauses[:4]] == [1000, 2000, 4000, 8000]
    assert pauses[-1] - EVENT.accepted == 300_000


def test_what_is_queued_comes_back_the_same() -> None:
    assert QueuedInvocation.decoded(EVENT.encoded()) == EVENT


@given(st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_weights_decide(roll: float, weight: float) -> None:
    alias = {"FunctionVersion": "1", "weights": {"2": weight}}
    assert chosen_version(alias, roll) == ("2" if roll < weight else "1")
