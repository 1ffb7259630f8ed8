"""Rules are checked when a template is read, and evaluated with the values of its parameters."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.rules import check_rules, failed_assertions

VALUES = {
    "Env": "prod",
    "Sizes": ["a", "b"],
    "Zone": "eu-west-1a",
    "Vpcs": ["vpc-1", "vpc-2"],
    "AWS::Region": "eu-west-1",
}
TYPES = {
    "Env": "String",
    "Sizes": "CommaDelimitedList",
    "Zone": "AWS::EC2::AvailabilityZone::Name",
    "Vpcs": "List<AWS::EC2::VPC::Id>",
}


def failed(expression: Any, condition: Any = None) -> bool:
    rule = {"Assertions": [{"Assert": expression, "AssertDescription": "wrong"}]}
    rules = {"R": rule if condition is None else {**rule, "RuleCondition": condition}}
    check_rules(rules, VALUES)
    return failed_assertions(rules, VALUES, TYPES) == ["wrong"]


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ({"Fn::Equals": [{"Ref": "Env"}, "prod"]}, True),
        ({"Fn::Contains": [["1", 2], "2"]}, True),
        ({"Fn::Not": [{"Fn::Contains": [["1", "2"], {"Ref": "Env"}]}]}, True),
        ({"Fn::EachMemberEquals": [{"Ref": "Sizes"}, "a"]}, False),
        ({"Fn::EachMemberEquals": [["a", "a"], "a"]}, True),
        ({"Fn::EachMemberIn": [{"Ref": "Sizes"}, ["a", "b", "c"]]}, True),
        ({"Fn::EachMemberIn": [["d"], {"Ref": "Sizes"}]}, False),
        ({"Fn::Contains": [{"Fn::RefAll": "AWS::EC2::AvailabilityZone::Name"}, {"Ref": "Zone"}]}, True),
        ({"Fn::EachMemberIn": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}, {"Ref": "Vpcs"}]}, True),
        ({"Fn::And": [{"Fn::Equals": ["a", "a"]}, {"Fn::Or": [{"Fn::Equals": ["a", "b"]}, "true"]}]}, True),
        ({"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]}, False),
    ],
)
def test_functions_of_rules(expression: Any, holds: bool) -> None:
    assert failed(expression) is not holds


def test_a_rule_whose_condition_does_not_hold_asserts_nothing() -> None:
    wrong = {"Fn::Equals": ["a", "b"]}
    assert failed(wrong, condition={"Fn::Equals": [{"Ref": "Env"}, "prod"]})
    assert not failed(wrong, condition={"Fn::Equals": [{"Ref": "Env"}, "test"]})


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("x", "Template format error: [/Rules/R] Every Rules member must be an object."),
        ({}, "Template format error: [/Rules/R] Every Rules object must contain a list of Assertions."),
        ({"Assertions": [{}]},
         "Template format error: [/Rules/R/Assertions] Every assertion must contain an Assert member."),
        ({"Assertions": [{"Assert": True}], "If": 1}, "Invalid template rule property 'If'"),
        ({"Assertions": [{"Assert": {"Fn::GetAtt": ["A", "B"]}}]},
         "Template error: Fn::GetAtt is not a function that the Rules block of the template may use."),
        ({"Assertions": [{"Assert": {"Fn::Equals": [{"Ref": "X"}, "a"]}}]},
         "Template format error: Unresolved dependencies [X]. Cannot reference resources in the Rules block of the "
         "template"),
    ],
)  # fmt: skip
def test_a_malformed_rule_is_refused(rule: Any, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        check_rules({"R": rule}, VALUES)
    assert refused.value.message == message


def test_what_only_ec2_knows_is_refused_by_name() -> None:
    with pytest.raises(AwsError) as refused:
        failed({"Fn::Equals": [{"Fn::ValueOf": ["Zone", "Tags.x"]}, "a"]})
    assert refused.value.code == "NotImplementedException"
