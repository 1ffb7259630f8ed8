"""Templates of all types end in a plan, a refusal or a stack that can be deleted, whatever is wrong with them.

`NIGHTBUS_FUZZ_FAMILIES=1000 pytest --timeout 0 -n 0 tests/unit/stacks/test_template_families.py` tries some 60
templates with parameters for each family. `NIGHTBUS_FUZZ_SETS` says with how many sets of parameters each template is
planned, 4 unless it is set. `NIGHTBUS_FUZZ_TALLY` names a file to which the counts of these are added.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from template_fuzz.families import BUCKET, LIVES
from template_fuzz.node import FuzzNode
from template_fuzz.tally import Tally
from template_fuzz.trial import Trials

_FAMILIES = int(os.environ.get("NIGHTBUS_FUZZ_FAMILIES", "12"))
_SETS = int(os.environ.get("NIGHTBUS_FUZZ_SETS", "4"))
_TALLY = os.environ.get("NIGHTBUS_FUZZ_TALLY")


@pytest.fixture(scope="module")
def trials() -> Iterator[Trials]:
    node, tally = FuzzNode(), Tally()
    node.open()
    try:
        yield Trials(node, tally, variants=10, sets=_SETS, lives=8)
    finally:
        node.close()
        if _TALLY:
            tally.add_to(Path(_TALLY))


@settings(
    max_examples=_FAMILIES,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(
    st.integers(0, 2**62),
    st.lists(st.sampled_from(sorted(LIVES)), min_size=1, max_size=4),
    st.integers(0, 10),
    st.integers(0, 3),
)
def test_any_family_is_refused_or_lives_and_goes(
    trials: Trials, seed: int, kinds: list[str], decorations: int, damage: int
) -> None:
    trials.family(seed, kinds, decorations, damage)


def test_families_are_no_trivial_refusals(trials: Trials) -> None:
    own, rnd = Trials(trials.node, Tally(), variants=4, sets=2, lives=4), Random(1)
    for _ in range(6):
        own.family(rnd.getrandbits(60), rnd.choices(sorted(LIVES), k=3), 6, 1)
    counts = own.tally.counts
    created = counts["outcomes of CreateStack"]["CREATE_COMPLETE"]
    assert created >= counts["tries"].total() / 10
    assert len(counts["functions"]) > 10
    assert len(counts["resource types"]) > 10


@pytest.mark.parametrize("noun", ["Role", "User", "Group"])
def test_a_policy_whose_name_is_a_number_is_made_and_goes(trials: Trials, noun: str) -> None:
    node, life = trials.node, LIVES[f"AWS::IAM::{noun}Policy"]
    node.new_account()
    body = life.template("numbered", {"PolicyName": 2})
    made = node.call("CreateStack", StackName="n", TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
    for status in ("CREATE_COMPLETE", "DELETE_COMPLETE"):
        assert node.settle(made["StackId"])
        assert node.call("DescribeStacks", StackName=made["StackId"])["Stacks"][0]["StackStatus"] == status
        node.call("DeleteStack", StackName=made["StackId"])


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("AWS::Events::Rule", {"EventBusName": 2}),
        ("AWS::IAM::UserToGroupAddition", {"GroupName": "no/group "}),
        ("AWS::Lambda::LayerVersionPermission", {"LayerVersionArn": "x"}),
        ("AWS::Lambda::Permission", {"FunctionName": 2}),
        ("AWS::SNS::TopicPolicy", {"Topics": ["x"]}),
        ("AWS::SQS::QueuePolicy", {"Queues": ["x"]}),
    ],
)
def test_what_could_not_be_made_can_be_deleted(trials: Trials, kind: str, changes: dict[str, Any]) -> None:
    node = trials.node
    trials.new_account()
    body = (
        LIVES[kind].template("impossible", changes).replace('"type-lives"', f'"{BUCKET}{node.scope.account}"')
    )
    made = node.call("CreateStack", StackName="n", TemplateBody=body, Capabilities=["CAPABILITY_NAMED_IAM"])
    for status in ("ROLLBACK_COMPLETE", "DELETE_COMPLETE"):
        assert node.settle(made["StackId"])
        assert node.call("DescribeStacks", StackName=made["StackId"])["Stacks"][0]["StackStatus"] == status
        node.call("DeleteStack", StackName=made["StackId"])
