"""Parameters get their values, which are checked by type and constraints."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.parameter_types import read_type
from nightbus.stacks.templates.parameters import parameters_reply, resolve, typed


def _given(value: str | None = None, *, previous: bool = False) -> list[dict[str, Any]]:
    return [{"ParameterKey": "P", "ParameterValue": value, "UsePreviousValue": previous}]


@pytest.mark.parametrize(
    ("declaration", "given", "message"),
    [
        ({"Type": "String"}, [], "Parameters: [P] must have values"),
        ({"Type": "String"}, [{"ParameterKey": "X", "ParameterValue": "1"}],
         "Parameters: [X] do not exist in the template"),
        ({"Type": "String", "AllowedValues": ["a", 1]}, _given("b"), "Parameter 'P' must be one of AllowedValues"),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+"},
            _given("a1"),
            "Parameter P failed to satisfy constraint: must match pattern [a-z]+",
        ),
        (
            {"Type": "String", "AllowedPattern": "[a-z]+", "ConstraintDescription": "small letters"},
            _given("A"),
            "Parameter 'P' failed to satisfy constraint: small letters",
        ),
        ({"Type": "Number"}, _given("x"), "Parameter 'P' must be a number."),
        ({"Type": "Number", "MinValue": 3}, _given("2"), "Parameter 'P' must have a number not less than 3"),
        ({"Type": "String", "MaxLength": "2"}, _given("abc"), "Parameter 'P' must have length at most 2"),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a"]}, _given("a,b"),
         "Parameter 'P' must be one of AllowedValues"),
    ],
)  # fmt: skip
def test_refused(declaration: dict[str, Any], given: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(AwsError) as refused:
        resolve({"P": declaration}, given, {})
    assert refused.value.message == message


def test_given_before_previous_before_default() -> None:
    declared = {"P": {"Type": "String", "Default": "d"}}
    assert resolve(declared, [], {"P": "old"}) == {"P": "d"}
    assert resolve(declared, _given(previous=True), {"P": "old"}) == {"P": "old"}
    assert resolve(declared, _given("new"), {"P": "old"}) == {"P": "new"}
    assert resolve(declared, _given(""), {}) == {"P": ""}


def test_lists_are_lists_and_secrets_are_masked() -> None:
    declared: dict[str, dict[str, Any]] = {
        "L": {"Type": "CommaDelimitedList"},
        "S": {"Type": "String", "NoEcho": True},
    }
    texts = {"L": "a, b", "S": "secret"}
    assert typed(declared, texts) == {"L": ["a", "b"], "S": "secret"}
    assert parameters_reply(declared, texts)[1] == {"ParameterKey": "S", "ParameterValue": "****"}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("String", ("String", False, False)),
        ("CommaDelimitedList", ("String", True, False)),
        ("List<AWS::EC2::Subnet::Id>", ("AWS::EC2::Subnet::Id", True, False)),
        ("AWS::SSM::Parameter::Name", ("AWS::SSM::Parameter::Name", False, False)),
        ("AWS::SSM::Parameter::Value<String>", ("String", False, True)),
        ("AWS::SSM::Parameter::Value<List<String>>", ("String", True, True)),
        ("AWS::SSM::Parameter::Value<CommaDelimitedList>", ("String", True, True)),
        ("AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", ("AWS::EC2::Image::Id", False, True)),
        ("AWS::SSM::Parameter::Value<List<AWS::EC2::Image::Id>>", ("AWS::EC2::Image::Id", True, True)),
        ("AWS::SSM::Parameter::Value<Number>", None),
        ("SecureString", None),
        ("List<>", None),
    ],
)
def test_types_are_read(kind: str, expected: tuple[str, bool, bool] | None) -> None:
    found = read_type(kind)
    assert (found and (found.item, found.is_list, found.stored)) == expected


def test_a_value_of_a_type_of_aws_has_its_form() -> None:
    declared = {"P": {"Type": "List<AWS::EC2::Subnet::Id>"}}
    assert resolve(declared, _given("subnet-1,subnet-2"), {})
    with pytest.raises(AwsError) as refused:
        resolve(declared, _given("subnet-1,vpc-2"), {})
    assert refused.value.message == (
        "Parameter validation failed: parameter value vpc-2 for parameter name P does not exist"
    )


def test_constraints_of_a_stored_parameter_hold_for_its_name() -> None:
    declared = {
        "P": {"Type": "AWS::SSM::Parameter::Value<List<String>>", "AllowedValues": ["/a"], "Default": "/a"}
    }
    texts = resolve(declared, [], {})
    assert typed(declared, {**texts, "P": "x,y"}) == {"P": ["x", "y"]}
    assert parameters_reply(declared, texts, {"P": "x,y"}) == [
        {"ParameterKey": "P", "ParameterValue": "/a", "ResolvedValue": "x,y"}
    ]
