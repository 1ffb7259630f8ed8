"""DeletionPolicy and UpdateReplacePolicy: literal, or by an expression over parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.planning.proposal import process, propose
from nightbus.stacks.records import Stack
from stack_rig import SCOPE

STACK = Stack("arn:aws:cloudformation:us-east-1:000000000000:stack/s/1", "s", "CREATE_IN_PROGRESS", 1)


async def _resolved(stage: str, **policies: Any) -> dict[str, Any]:
    document = {
        "Parameters": {"Stage": {"Type": "String"}},
        "Conditions": {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
        "Mappings": {"Stages": {"prod": {"Policy": "Retain"}, "dev": {"Policy": "Delete"}}},
        "Resources": {"A": {"Type": "AWS::SQS::Queue", **policies}, "B": {"Type": "AWS::SQS::Queue"}},
    }
    values = [{"ParameterKey": "Stage", "ParameterValue": stage}]
    proposal = propose(json.dumps(document), values, {}, {}, [])
    resource = (await process(proposal, SCOPE, STACK)).processed["Resources"]["A"]
    return {name: value for name, value in resource.items() if name != "Type"}


@pytest.mark.parametrize(
    ("expression", "prod", "dev"),
    [
        ({"Fn::If": ["Prod", "Retain", "Delete"]}, "Retain", "Delete"),
        ({"Fn::FindInMap": ["Stages", {"Ref": "Stage"}, "Policy"]}, "Retain", "Delete"),
        ({"Fn::Sub": ["${Kind}", {"Kind": "Retain"}]}, "Retain", "Retain"),
        ({"Fn::Join": ["", ["Re", "tain"]]}, "Retain", "Retain"),
        ({"Fn::If": ["Prod", "RetainExceptOnCreate", {"Ref": "AWS::NoValue"}]}, "RetainExceptOnCreate", None),
    ],
)
async def test_a_policy_is_resolved_from_parameters(expression: Any, prod: str, dev: str | None) -> None:
    assert (await _resolved("prod", DeletionPolicy=expression)).get("DeletionPolicy") == prod
    assert (await _resolved("dev", DeletionPolicy=expression)).get("DeletionPolicy") == dev


async def test_both_policies_take_expressions() -> None:
    choice = {"Fn::If": ["Prod", "Retain", "Delete"]}
    assert await _resolved("prod", DeletionPolicy=choice, UpdateReplacePolicy=choice) == {
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
    }


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        (
            {"DeletionPolicy": {"Ref": "Stage"}},
            "Template format error: Unrecognized DeletionPolicy prod for resource A.",
        ),
        (
            {"UpdateReplacePolicy": "RetainExceptOnCreate"},
            "Template format error: Unrecognized UpdateReplacePolicy RetainExceptOnCreate for resource A.",
        ),
        (
            {"DeletionPolicy": ["Retain"]},
            "Template format error: Every DeletionPolicy member must be a string.",
        ),
        (
            {"DeletionPolicy": {"a": 1}},
            "Template format error: Every DeletionPolicy member must be a string.",
        ),
        (
            {"DeletionPolicy": {"Fn::Split": [",", {"Ref": "Stage"}]}},
            "Template format error: Every DeletionPolicy member must be a string.",
        ),
        (
            {"DeletionPolicy": "Snapshot"},
            "Template error: resource type AWS::SQS::Queue does not support DeletionPolicy Snapshot (A).",
        ),
        (
            {"DeletionPolicy": {"Ref": "B"}},
            "Template format error: Unresolved dependencies [B]. Cannot reference resources in the DeletionPolicy "
            "of resource A",
        ),
        (
            {"UpdateReplacePolicy": {"Fn::Sub": "Re${X}tain"}},
            "Template format error: Unresolved dependencies [X]. Cannot reference resources in the "
            "UpdateReplacePolicy of resource A",
        ),
        (
            {"DeletionPolicy": {"Fn::If": ["Prod", {"Fn::ImportValue": "e"}, "Retain"]}},
            "Template error: Fn::ImportValue cannot be used in the DeletionPolicy of resource A",
        ),
    ],
)
async def test_what_gives_no_policy_is_refused(policies: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsError) as refused:
        await _resolved("prod", **policies)
    assert (refused.value.code, refused.value.message) == ("ValidationError", message)
