"""What counts as drift, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.stacks.drift.comparison import differences

FUNCTION, QUEUE, ROLE, RULE = (
    "AWS::Lambda::Function",
    "AWS::SQS::Queue",
    "AWS::IAM::Role",
    "AWS::Events::Rule",
)
LAYERS = "arn:aws:lambda:us-east-1:000000000000:layer:{}:1".format


@pytest.mark.parametrize(
    ("type_name", "expected", "actual", "found"),
    [
        (QUEUE, {"DelaySeconds": "5"}, {"DelaySeconds": 5, "VisibilityTimeout": 30}, []),
        (QUEUE, {"FifoQueue": "true"}, {"FifoQueue": True}, []),
        (QUEUE, {"DelaySeconds": 5}, {}, ["REMOVE /DelaySeconds"]),
        (QUEUE, {"KmsMasterKeyId": ""}, {}, []),
        (QUEUE, {"RedrivePolicy": '{"maxReceiveCount": 3}'}, {"RedrivePolicy": {"maxReceiveCount": "3"}}, []),
        (
            QUEUE,
            {"RedrivePolicy": {"maxReceiveCount": 3}},
            {"RedrivePolicy": {"maxReceiveCount": 4}},
            ["NOT_EQUAL /RedrivePolicy/maxReceiveCount"],
        ),
        (
            QUEUE,
            {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]},
            {"Tags": [{"Key": "b", "Value": "2"}, {"Key": "c", "Value": "3"}, {"Key": "a", "Value": "0"}]},
            ["NOT_EQUAL /Tags/0/Value", "ADD /Tags/1"],
        ),
        (QUEUE, {"Tags": [{"Key": "a", "Value": "1"}]}, {"Tags": []}, ["REMOVE /Tags"]),
        (
            FUNCTION,
            {"Layers": [LAYERS("a"), LAYERS("b")]},
            {"Layers": [LAYERS("b"), LAYERS("a")]},
            ["NOT_EQUAL /Layers/0", "NOT_EQUAL /Layers/1"],
        ),
        (
            FUNCTION,
            {"Environment": {"Variables": {"AA": "1"}}},
            {"Environment": {"Variables": {"BB": "2"}}},
            ["REMOVE /Environment/Variables/AA", "ADD /Environment/Variables/BB"],
        ),
        (FUNCTION, {"Code": {"ZipFile": "x"}, "Handler": "a.b"}, {"Handler": "a.b"}, []),
        (ROLE, {"ManagedPolicyArns": ["a", "b"]}, {"ManagedPolicyArns": ["b", "a"]}, []),
        (
            ROLE,
            {"AssumeRolePolicyDocument": {"Statement": [{"Action": "x"}]}},
            {"AssumeRolePolicyDocument": {"Statement": [{"Action": ["x"]}]}},
            [],
        ),
        (RULE, {"Description": "{{resolve:ssm-secure:a:1}}"}, {"Description": "other"}, []),
    ],
)
def test_differences(
    type_name: str, expected: dict[str, Any], actual: dict[str, Any], found: list[str]
) -> None:
    told = [one.reply() for one in differences(type_name, expected, actual)]
    assert [f"{one['DifferenceType']} {one['PropertyPath']}" for one in told] == found
