"""Whatever stands where in a template: it is planned or refused with AWS's error, and nothing else happens."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.stacks.planning.plan import plan_changes
from nightbus.stacks.planning.proposal import process, propose
from nightbus.stacks.records import Stack
from nightbus.stacks.resolution import StackValues, evaluator
from nightbus.stacks.templates.removal_policies import with_policies
from stack_rig import SCOPE, Thing, World

TYPES = {"Test::Any::Thing": Thing(World(), "Test::Any::Thing")}
STACK = Stack("arn:aws:cloudformation:us-east-1:000000000000:stack/s/1", "s", "CREATE_IN_PROGRESS", 1)
GOOD: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": "good",
    "Transform": "AWS::LanguageExtensions",
    "Metadata": {"M": 1},
    "Parameters": {
        "P": {
            "Type": "String",
            "Default": "a",
            "AllowedValues": ["a"],
            "AllowedPattern": "a+",
            "MinLength": 1,
        },
        "N": {"Type": "Number", "Default": 1, "MinValue": 0, "MaxValue": "3"},
        "L": {"Type": "CommaDelimitedList", "Default": "a,b"},
    },
    "Mappings": {"M": {"a": {"b": "c", "l": ["x"]}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "P"}, "a"]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Fn::Not": [{"Condition": "Yes"}]}]},
        "One": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "Both"}]},
    },
    "Resources": {
        "A": {
            "Type": "Test::Any::Thing",
            "Condition": "Yes",
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Delete",
            "Metadata": {"x": "y"},
            "Properties": {
                "Size": {"Fn::If": ["Yes", {"Ref": "B"}, {"Ref": "AWS::NoValue"}]},
                "Other": {"Fn::Sub": ["${B.Arn}${x}${P}", {"x": {"Fn::Select": [0, {"Ref": "L"}]}}]},
                "Kind": {
                    "Fn::Join": ["-", [{"Fn::FindInMap": ["M", {"Ref": "P"}, "b"]}, {"Fn::Base64": "x"}]]
                },
            },
        },
        "B": {
            "Type": "Test::Any::Thing",
            "DependsOn": ["C"],
            "Properties": {
                "Size": {"Fn::GetAtt": ["C", "Arn"]},
                "Kind": {"Fn::Split": [",", {"Fn::ImportValue": "e"}]},
                "Other": [
                    {"Fn::GetAZs": ""},
                    {"Fn::Cidr": ["10.0.0.0/16", 2, 8]},
                    {"Fn::Length": {"Ref": "L"}},
                ],
            },
        },
        "C": {"Type": "Test::Any::Thing"},
    },
    "Outputs": {
        "O": {"Value": {"Ref": "A"}, "Condition": "Yes", "Export": {"Name": "n"}, "Description": "d"}
    },
}

_WORDS = st.sampled_from(
    [
        "",
        "A",
        "B",
        "Yes",
        "P",
        "Ref",
        "Fn::Sub",
        "${",
        "${A.}",
        "${.x}",
        "AWS::Region",
        "Condition",
        "Fn::If",
        "x" * 50,
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | _WORDS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(_WORDS, inner, max_size=2)
        | st.builds(
            lambda name, argument: {name: argument},
            st.sampled_from(
                [
                    "Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::FindInMap",
                    "Fn::If", "Fn::And", "Fn::Not", "Fn::Equals", "Fn::Base64", "Fn::ImportValue", "Fn::GetAZs",
                    "Fn::Cidr", "Fn::Length", "Fn::ToJsonString", "Condition", "Fn::Transform",
                ]
            ),
            inner,
        )
    ),
    max_leaves=6,
)  # fmt: skip


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        found += _paths(child, (*path, key))
    return found


def _with(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    at: Any = document
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return document


def _deploy(document: dict[str, Any]) -> None:
    proposal = propose(json.dumps(document), [], {}, {}, [])
    deployment = asyncio.run(process(proposal, SCOPE, STACK))
    plan_changes(SCOPE, STACK, None, deployment, {}, TYPES, {"e": "1,2"})
    with_policies(deployment.processed, evaluator(deployment, SCOPE, STACK, StackValues({}, {})))


def test_the_good_one_is_planned() -> None:
    _deploy(GOOD)


@settings(max_examples=400)
@given(st.sampled_from(_paths(GOOD)), _VALUES)
def test_any_value_anywhere_is_planned_or_refused(path: tuple[Any, ...], value: Any) -> None:
    try:
        _deploy(_with(path, value))
    except AwsError as refused:
        assert refused.code in (
            "ValidationError",
            "InsufficientCapabilitiesException",
            "NotImplementedException",
        )
