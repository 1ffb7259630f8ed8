"""What is wrong with a resource's properties is said in CloudFormation's words, and nothing right is refused."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.resources import RESOURCE_TYPES
from nightbus.stacks.schemas import resource_schemas
from nightbus.stacks.templates.expressions import NO_VALUE, UNKNOWN
from nightbus.stacks.templates.schema_validation import check_properties, violations

TARGET = {"Id": "t", "Arn": "arn:aws:sqs:us-east-1:000000000000:q"}
CODE = {"ZipFile": "def handler(event, context): pass"}
FUNCTION = {
    "Code": CODE,
    "Role": "arn:aws:iam::000000000000:role/r",
    "Handler": "a.b",
    "Runtime": "python3.12",
}


def found(type_name: str, **properties: Any) -> list[str]:
    return violations(resource_schemas()[type_name], properties)


def structure(type_name: str, **properties: Any) -> list[str]:
    return violations(resource_schemas()[type_name], properties, structure_only=True)


def test_every_type_has_its_schema_and_no_property_that_is_not_in_it() -> None:
    schemas = resource_schemas()
    assert set(RESOURCE_TYPES) - set(schemas) <= {"AWS::CDK::Metadata"}  # has none that is published
    for name in schemas:
        kind = RESOURCE_TYPES[name]
        assert kind.properties <= set(schemas[name]["properties"]), name
        assert set(schemas[name].get("required", ())) <= set(kind.required) | set(kind.properties), name


@pytest.mark.parametrize(
    ("type_name", "properties", "message"),
    [
        (
            "AWS::Events::Rule",
            {"Targets": [{**TARGET, "RetryPolicy": {"MaximumEventAge": 60}}]},
            "#/Targets/0/RetryPolicy: extraneous key [MaximumEventAge] is not permitted",
        ),
        (
            "AWS::Events::Rule",
            {"Targets": [{**TARGET, "DeadLetterConfig": {"TargetArn": "a"}}]},
            "#/Targets/0/DeadLetterConfig: extraneous key [TargetArn] is not permitted",
        ),
        (
            "AWS::Events::Rule",
            {"Targets": [{"Arn": TARGET["Arn"]}]},
            "#/Targets/0: required key [Id] not found",
        ),
        (
            "AWS::Lambda::Function",
            {**FUNCTION, "Environment": {"Vars": {"A": "b"}}},
            "#/Environment: extraneous key [Vars] is not permitted",
        ),
        (
            "AWS::Lambda::Function",
            {**FUNCTION, "Tags": {"a": "b"}},
            "#/Tags: expected type: JSONArray, found: JSONObject",
        ),
        (
            "AWS::Lambda::Function",
            {**FUNCTION, "Tags": [{"Key": ["a"], "Value": "b"}]},
            "#/Tags/0/Key: expected type: String, found: JSONArray",
        ),
        (
            "AWS::Lambda::EventSourceMapping",
            {"FunctionName": "f", "FilterCriteria": {"Filter": [{"Pattern": "{}"}]}},
            "#/FilterCriteria: extraneous key [Filter] is not permitted",
        ),
        ("AWS::Lambda::Function", {"Role": FUNCTION["Role"]}, "#: required key [Code] not found"),
        (
            "AWS::SQS::Queue",
            {"DelaySeconds": "soon"},
            "#/DelaySeconds: expected type: Integer, found: String",
        ),
        ("AWS::SQS::Queue", {"FifoQueue": "yes"}, "#/FifoQueue: expected type: Boolean, found: String"),
        ("AWS::SQS::Queue", {"Colour": 1}, "#: extraneous key [Colour] is not permitted"),
        ("AWS::SQS::Queue", {"QueueName": {"a": 1}}, "#/QueueName: expected type: String, found: JSONObject"),
    ],
)
def test_a_wrong_structure_is_found_before_anything_is_made(
    type_name: str, properties: dict[str, Any], message: str
) -> None:
    assert message in structure(type_name, **properties)
    assert message in found(type_name, **properties)


@pytest.mark.parametrize(
    ("type_name", "properties", "message"),
    [
        (
            "AWS::Lambda::Function",
            {**FUNCTION, "MemorySize": 1},
            "#/MemorySize: 1 is not greater or equal to 128",
        ),
        (
            "AWS::Lambda::Function",
            {**FUNCTION, "PackageType": "Box"},
            "#/PackageType: Box is not a valid enum value",
        ),
        (
            "AWS::Lambda::Function",
            {**FUNCTION, "Handler": "x" * 200},
            "#/Handler: expected maxLength: 128, actual: 200",
        ),
        (
            "AWS::Logs::LogGroup",
            {"LogGroupName": "a:b"},
            r"#/LogGroupName: string [a:b] does not match pattern ^[.\-_/#A-Za-z0-9]{1,512}$",
        ),
    ],
)
def test_a_value_out_of_range_fails_its_resource_and_not_the_template(
    type_name: str, properties: dict[str, Any], message: str
) -> None:
    assert structure(type_name, **properties) == []
    assert found(type_name, **properties) == [message]


@pytest.mark.parametrize(
    ("type_name", "properties"),
    [
        (
            "AWS::SQS::Queue",
            {"DelaySeconds": "5", "FifoQueue": "TRUE", "QueueName": 12, "VisibilityTimeout": 30.0},
        ),
        ("AWS::SQS::Queue", {"DelaySeconds": UNKNOWN, "RedrivePolicy": {"deadLetterTargetArn": UNKNOWN}}),
        ("AWS::SQS::Queue", {"QueueName": NO_VALUE, "Tags": [{"Key": "a", "Value": 1}, NO_VALUE]}),
        (
            "AWS::Lambda::Function",
            {**FUNCTION, "Environment": {"Variables": {"AB": 1, "BC": True, "CD": UNKNOWN}}},
        ),
        ("AWS::Lambda::Function", {**FUNCTION, "Timeout": "3", "Layers": [UNKNOWN]}),
        ("AWS::IAM::Role", {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}),
        ("AWS::Events::Rule", {"EventPattern": {"source": ["a"]}, "Targets": [TARGET]}),
    ],
)
def test_what_cloudformation_takes_is_taken(type_name: str, properties: dict[str, Any]) -> None:
    assert structure(type_name, **properties) == []
    assert found(type_name, **properties) == []


def test_a_property_that_aws_has_and_nightbus_does_not_is_refused_as_such() -> None:
    with pytest.raises(AwsError, match="NotImplementedException: Property VpcConfig of resource F"):
        kind = RESOURCE_TYPES["AWS::Lambda::Function"]
        properties = {**FUNCTION, "VpcConfig": {"SubnetIds": []}}
        check_properties("F", kind.type_name, kind.properties - {"VpcConfig"}, properties)


def test_several_violations_are_told_at_once() -> None:
    with pytest.raises(AwsError) as refused:
        check_properties("Q", "AWS::SQS::Queue", frozenset({"DelaySeconds"}), {"A": 1, "DelaySeconds": "x"})
    assert refused.value.message == (
        "Properties validation failed for resource Q with message: #: extraneous key [A] is not permitted\n"
        "#/DelaySeconds: expected type: Integer, found: String"
    )
