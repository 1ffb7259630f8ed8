"""What a simulation says of policies, by AWS's examples and by the rules of SimulateCustomPolicy."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nightbus.policies.decision import Effect
from nightbus.policies.request import Values
from nightbus.policies.simulation import RESOURCE_POLICY, SimulatedCaller, Simulation, Source, context_keys
from nightbus.policies.statement_positions import statement_spans

ACCOUNT, OTHER = "111122223333", "444455556666"
BOB = SimulatedCaller(f"arn:aws:iam::{ACCOUNT}:user/bob", ACCOUNT, {})
# https://docs.aws.amazon.com/cli/latest/reference/iam/simulate-custom-policy.html
EXAMPLE = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*",'
    '"Condition":{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)


def source(*statements: Mapping[str, Any], id: str = "PolicyInputList.1", type: str = "none") -> Source:
    return Source(id, type, json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=2))


def one(action: str, resource: str = "*", effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def simulated(
    *identity: Source,
    boundary: Source | None = None,
    resource: Source | None = None,
    keys: Mapping[str, Values] | None = None,
) -> Simulation:
    return Simulation(identity, boundary, resource, BOB, keys or {})


def test_the_place_of_a_statement_is_that_of_awss_example() -> None:
    (span,) = statement_spans(EXAMPLE)
    assert (span.start, span.end) == ((1, 38), (1, 167))


def test_places_count_lines_in_a_list_of_statements() -> None:
    text = '{\n "Statement" : [\n  {"Sid": "a"} ,\n  {\n   "Sid": "b"}\n ], "Version": "2012-10-17"}'
    assert [tuple(span) for span in statement_spans(text)] == [((3, 4), (3, 15)), ((4, 4), (5, 15))]
    assert statement_spans('{"Version": "2012-10-17"}') == []


def test_an_allow_is_matched_and_a_missing_key_is_named_as_the_policy_spells_it() -> None:
    policy = Source("PolicyInputList.1", "none", EXAMPLE)
    met = simulated(policy, keys={"aws:currenttime": "2020-01-01T00:00:00Z"})
    result = met.result("dynamodb:CreateBackup", "*", ACCOUNT)
    assert result.effect is Effect.ALLOW
    assert [matched.source for matched in result.matched] == [policy]
    assert result.missing == []
    result = simulated(policy).result("dynamodb:CreateBackup", "*", ACCOUNT)
    assert (result.effect, result.matched, result.missing) == (Effect.IMPLICIT_DENY, [], ["aws:CurrentTime"])


def test_a_key_of_statements_for_other_actions_is_not_missing() -> None:
    policy = source(one("s3:GetObject"), one("sqs:*", Condition={"StringEquals": {"aws:username": "x"}}))
    assert simulated(policy).result("s3:GetObject", "*", ACCOUNT).missing == []


def test_a_deny_is_the_only_statement_of_the_result() -> None:
    policy = source(one("s3:*"), one("s3:DeleteObject", effect="Deny"))
    result = simulated(policy).result("s3:DeleteObject", "arn:aws:s3:::b/k", ACCOUNT)
    assert result.effect is Effect.EXPLICIT_DENY
    assert [matched.span for matched in result.matched] == statement_spans(policy.text)[1:]


def test_a_key_without_a_value_counts_as_absent_in_a_deny_too() -> None:
    condition = {"StringEquals": {"ec2:Nonsense": "x"}}
    policy = source(one("s3:*"), one("s3:*", effect="Deny", Condition=condition))
    result = simulated(policy).result("s3:GetObject", "arn:aws:s3:::b/k", ACCOUNT)
    assert (result.effect, result.missing) == (Effect.ALLOW, ["ec2:Nonsense"])


def test_a_boundary_limits_and_says_so() -> None:
    boundary = source(one("s3:Get*"), id="PermissionsBoundaryPolicyInputList.1")
    simulation = simulated(source(one("s3:*")), boundary=boundary)
    inside = simulation.result("s3:GetObject", "arn:aws:s3:::b/k", ACCOUNT)
    outside = simulation.result("s3:PutObject", "arn:aws:s3:::b/k", ACCOUNT)
    assert (inside.effect, inside.boundary) == (Effect.ALLOW, True)
    assert (outside.effect, outside.boundary) == (Effect.IMPLICIT_DENY, False)


def test_a_resource_policy_needs_the_callers_policy_too_across_accounts() -> None:
    allow = {"Effect": "Allow", "Principal": {"AWS": BOB.arn}, "Action": "s3:GetObject", "Resource": "*"}
    bucket = source(allow, id=RESOURCE_POLICY, type="resource")
    key = "arn:aws:s3:::b/k"
    within = simulated(resource=bucket).result("s3:GetObject", key, ACCOUNT)
    assert (within.effect, within.details) == (Effect.ALLOW, {})
    across = simulated(resource=bucket).result("s3:GetObject", key, OTHER)
    assert across.effect is Effect.IMPLICIT_DENY
    assert across.details == {"IAM Policy": Effect.IMPLICIT_DENY, "Resource Policy": Effect.ALLOW}
    both = simulated(source(one("s3:GetObject")), resource=bucket).result("s3:GetObject", key, OTHER)
    assert both.effect is Effect.ALLOW
    assert {matched.source.id for matched in both.matched} == {"PolicyInputList.1", RESOURCE_POLICY}


def test_context_keys_are_those_of_conditions_and_variables() -> None:
    condition = {"StringEquals": {"aws:PrincipalTag/Team": "${aws:RequestTag/team}"}}
    policy = source(one("s3:*", "arn:aws:s3:::b/${aws:username}/*", Condition=condition))
    assert context_keys([policy.text, EXAMPLE]) == [
        "aws:CurrentTime",
        "aws:PrincipalTag/Team",
        "aws:RequestTag/team",
        "aws:username",
    ]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(), _VALUES, max_size=3),
    st.lists(st.dictionaries(st.text(), _VALUES, max_size=3), max_size=4),
    st.sampled_from([None, 0, 1, 4, "\t"]),
)
def test_the_places_are_those_of_the_statements_however_the_text_is_written(
    others: dict[str, Any], statements: list[dict[str, Any]], indent: int | str | None
) -> None:
    text = json.dumps({**others, "Statement": statements}, indent=indent, ensure_ascii=False)
    lines = text.split("\n")

    def offset(place: tuple[int, int]) -> int:
        return sum(len(line) + 1 for line in lines[: place[0] - 1]) + place[1] - 1

    found = [text[offset(span.start) - 1 : offset(span.end)] for span in statement_spans(text)]
    assert [json.loads(one) for one in found] == statements
