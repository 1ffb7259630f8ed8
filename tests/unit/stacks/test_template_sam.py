"""The SAM transform in its process, and the capabilities of what comes out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.stacks.planning.proposal import process, propose
from nightbus.stacks.records import Stack

SCOPE = Scope("000000000000", "eu-west-1")
STACK = Stack("arn:aws:cloudformation:eu-west-1:000000000000:stack/s/1", "s", "CREATE_IN_PROGRESS", 1)


def _sam(**properties: Any) -> str:
    function = {"Type": "AWS::Serverless::Function", "Properties": properties}
    document = {"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": function}}
    return json.dumps(
        {**document, "Parameters": {"Policy": {"Type": "String", "Default": "AWSLambda_FullAccess"}}}
    )


FUNCTION = {"InlineCode": "def h(e, c): ...", "Handler": "index.h", "Runtime": "python3.12"}


async def test_a_function_becomes_a_function_and_its_role() -> None:
    found = await process(
        propose(_sam(**FUNCTION, Policies=["AmazonDynamoDBFullAccess"]), [], {}, {}, ["CAPABILITY_IAM"]),
        SCOPE,
        STACK,
    )
    resources = found.processed["Resources"]
    assert {name: one["Type"] for name, one in resources.items()} == {
        "F": "AWS::Lambda::Function",
        "FRole": "AWS::IAM::Role",
    }
    assert "Transform" not in found.processed
    policies = resources["FRole"]["Properties"]["ManagedPolicyArns"]
    assert policies[-1] == "arn:aws:iam::aws:policy/AmazonDynamoDBFullAccess"


async def test_what_the_transform_makes_needs_its_capability() -> None:
    with pytest.raises(AwsError) as refused:
        await process(propose(_sam(**FUNCTION), [], {}, {}, []), SCOPE, STACK)
    assert str(refused.value) == "InsufficientCapabilitiesException: Requires capabilities : [CAPABILITY_IAM]"


async def test_a_wrong_function_is_refused_in_cloudformations_words() -> None:
    with pytest.raises(AwsError) as refused:
        await process(propose(_sam(Colour="red"), [], {}, {}, ["CAPABILITY_IAM"]), SCOPE, STACK)
    assert refused.value.message.startswith(
        "Transform AWS::Serverless-2016-10-31 failed with: Invalid Serverless Application Specification document. "
        "Number of errors found: 1. Resource with id [F] is invalid. property Colour"
    )


async def test_policies_with_expressions_pass_the_transform_and_come_out_resolved() -> None:
    policy = {"Fn::If": ["Prod", "Retain", "Delete"]}
    document = {
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {"Stage": {"Type": "String", "Default": "prod"}},
        "Conditions": {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
        "Resources": {
            "F": {"Type": "AWS::Serverless::Function", "DeletionPolicy": policy, "Properties": FUNCTION},
            "T": {"Type": "AWS::SNS::Topic", "UpdateReplacePolicy": policy},
        },
    }
    found = await process(propose(json.dumps(document), [], {}, {}, ["CAPABILITY_IAM"]), SCOPE, STACK)
    resources = found.processed["Resources"]
    assert resources["F"]["DeletionPolicy"] == "Retain"
    assert resources["T"]["UpdateReplacePolicy"] == "Retain"
