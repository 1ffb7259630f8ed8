"""A template's sections are checked before anything is made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.template import check_template, read_template

TOPIC = {"Type": "AWS::S3::Bucket"}


def _check(document: dict[str, Any]) -> None:
    check_template(read_template(json.dumps(document)))


def _with(**resource: Any) -> dict[str, Any]:
    return {"Resources": {"A": {**TOPIC, **resource}, "B": TOPIC}}


def _properties(value: Any) -> dict[str, Any]:
    return _with(Properties={"P": value})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "Template format error: At least one Resources member must be defined."),
        ({"Resources": {}}, "Template format error: At least one Resources member must be defined."),
        ({"Resources": {"A": TOPIC}, "Foo": 1}, "Invalid template property or properties [Foo]"),
        ({"Resources": {"A": TOPIC}, "Globals": {}}, "Invalid template property or properties [Globals]"),
        (
            {"Resources": {"a-b": TOPIC}},
            "Template format error: Resource name a-b is non alphanumeric.",
        ),
        (
            {"Resources": {"A": {}}},
            "Template format error: [/Resources/A] Every Resources object must contain a Type member.",
        ),
        (
            _with(Properties=None),
            "Template validation error: [/Resources/A/Properties] 'null' values are not allowed in templates",
        ),
        (_with(Foo=1), "Invalid template resource property 'Foo'"),
        (
            _properties({"Ref": "X"}),
            "Template format error: Unresolved resource dependencies [X] in the Resources block of the template",
        ),
        (
            _properties({"Fn::Sub": "${X} ${Y.Z} ${AWS::Region} ${!No} ${B}"}),
            "Template format error: Unresolved resource dependencies [X, Y] in the Resources block of the template",
        ),
        (
            _properties({"Fn::GetAtt": ["X", "Arn"]}),
            "Template error: instance of Fn::GetAtt references undefined resource X",
        ),
        (
            _properties({"Fn::GetAtt": ["X"]}),
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the "
            "resource attribute",
        ),
        (
            _with(DependsOn="X"),
            "Template format error: Unresolved resource dependencies [X] in the Resources block of the template",
        ),
        (
            _with(Condition="X"),
            "Template format error: Unresolved condition dependency X in the Resources block of the template",
        ),
        (
            {
                "Resources": {
                    "A": {**TOPIC, "Properties": {"P": {"Ref": "B"}}},
                    "B": {**TOPIC, "DependsOn": "A"},
                    "C": {**TOPIC, "DependsOn": "A"},
                }
            },
            "Circular dependency between resources: [A, B]",
        ),
        (_properties({"Ref": "A"}), "Circular dependency between resources: [A]"),
        (
            {"Resources": {"A": TOPIC}, "Outputs": {"O": {"Value": {"Ref": "X"}}}},
            "Template format error: Unresolved resource dependencies [X] in the Outputs block of the template",
        ),
        (
            {"Resources": {f"R{n}": TOPIC for n in range(501)}},
            "Template format error: Number of resources, 501, is greater than maximum allowed, 500",
        ),
        ({"Resources": {"A": TOPIC}, "Transform": "AWS::Mine"}, "No transform named AWS::Mine found."),
        (
            {"Resources": {"A": TOPIC, "Fn::ForEach::X": []}},
            "Template format error: Resource name Fn::ForEach::X is non alphanumeric.",
        ),
        (
            {"Resources": {"A": {"Type": "AWS::Lambda"}, "B": {"Type": "AWS::Serverless::Function"}}},
            "Template format error: Unrecognized resource types: [AWS::Lambda, AWS::Serverless::Function]",
        ),
        (_with(Version="1.0"), "Invalid template resource property 'Version'"),
        (
            {"Resources": {"A": TOPIC}, "Parameters": {"P": {"Type": "Text"}}},
            "Template format error: Unrecognized parameter type: Text",
        ),
        (
            {"Resources": {"A": TOPIC}, "Parameters": {"P": {}}},
            "Template format error: Every Parameters object must contain a Type member.",
        ),
    ],
)
def test_a_wrong_template_is_refused_in_cloudformations_words(document: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsError) as refused:
        _check(document)
    assert (refused.value.code, refused.value.message) == ("ValidationError", message)


@pytest.mark.parametrize(
    ("document", "what"),
    [
        ({"Resources": {"A": TOPIC}, "Hooks": {}}, "The section Hooks of a template is"),
        ({"Resources": {"A": TOPIC}, "Transform": "AWS::CodeStar"}, "The transform AWS::CodeStar is"),
    ],
)
def test_what_aws_has_and_nightbus_has_not_is_no_mistake_of_the_template(
    document: dict[str, Any], what: str
) -> None:
    with pytest.raises(AwsError) as refused:
        _check(document)
    assert refused.value.code == "NotImplementedException"
    assert refused.value.message == f"{what} not supported by Nightbus yet."


def test_types_and_attributes_that_only_aws_has_pass_the_check_of_structure() -> None:
    """Whether their condition holds is known only to the plan."""
    custom = {"Type": "Custom::Thing", "Version": "1.0", "Properties": {"ServiceToken": "t"}}
    _check({"Resources": {"A": custom, "B": {**custom, "Type": "AWS::CloudFormation::CustomResource"}}})
    _check({"Resources": {"A": {"Type": "AWS::EC2::Instance", "CreationPolicy": {}, "UpdatePolicy": {}}}})
    _check({"Resources": {"A": {"Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Snapshot"}}})
    _check({"Resources": {"A": {"Type": "My::Own::Thing::MODULE"}}})


def test_attributes_of_custom_resources_and_nested_stacks_are_anybodys() -> None:
    custom = {"Type": "AWS::CloudFormation::CustomResource", "Properties": {"ServiceToken": "t"}}
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "u"}}
    outputs = {
        "A": {"Value": {"Fn::GetAtt": "C.Anything.At.All"}},
        "B": {"Value": {"Fn::Sub": "${X.Any} ${N.Outputs.Some}"}},
    }
    resources = {"C": custom, "X": {**custom, "Type": "Custom::X"}, "N": nested}
    _check({"Resources": resources, "Outputs": outputs})
    with pytest.raises(AwsError, match="resource N does not support attribute type Other in Fn::GetAtt"):
        _check({"Resources": resources, "Outputs": {"O": {"Value": {"Fn::GetAtt": ["N", "Other"]}}}})


def test_a_right_template_passes() -> None:
    _check(
        {
            "AWSTemplateFormatVersion": "2010-09-09",
            "Description": "d",
            "Parameters": {"P": {"Type": "String", "Default": "x"}},
            "Mappings": {"M": {"a": {"b": "c"}}},
            "Conditions": {
                "Yes": {"Fn::Equals": [{"Ref": "P"}, "x"]},
                "No": {"Fn::Not": [{"Condition": "Yes"}]},
            },
            "Resources": {
                "A": {
                    **TOPIC,
                    "Condition": "Yes",
                    "DeletionPolicy": "Retain",
                    "Properties": {"P": {"Fn::If": ["Yes", {"Ref": "B"}, {"Ref": "AWS::NoValue"}]}},
                },
                "B": {**TOPIC, "Properties": {"Condition": "StringEquals"}},
            },
            "Outputs": {"O": {"Value": {"Fn::Sub": "${A.Arn}"}, "Export": {"Name": "n"}, "Condition": "Yes"}},
        }
    )


def test_outputs_of_nested_stacks_and_answers_of_custom_resources_are_attributes() -> None:
    types = ("AWS::CloudFormation::Stack", "AWS::CloudFormation::CustomResource", "Custom::Own")
    for type_name in types:
        output = {"Value": {"Fn::GetAtt": ["Other", "Outputs.Url"]}}
        other = {
            "Type": type_name,
            "Properties": {"TemplateURL": "https://s3.amazonaws.com/b/k", "ServiceToken": "x"},
        }
        check_template(read_template(json.dumps({"Resources": {"Other": other}, "Outputs": {"Url": output}})))
