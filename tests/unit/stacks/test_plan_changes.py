"""A plan names what an update adds, modifies, replaces and removes."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.planning.plan import StackPlan, is_empty, plan_changes
from nightbus.stacks.records import Deployment, PhysicalResource, Stack, StackResource
from nightbus.stacks.resources import RESOURCE_TYPES
from stack_rig import SCOPE, Thing, World, att, ref, thing

CODE = {"Code": {"ZipFile": "x"}, "Role": "r"}
TYPES = {"Test::A::Thing": Thing(World())}
STACK = Stack(
    "arn:aws:cloudformation:us-east-1:000000000000:stack/s/1", "s", "CREATE_COMPLETE", 1, deployment="1"
)


def _deployment(resources: dict[str, Any], **sections: Any) -> Deployment:
    parameters, tags = sections.pop("parameters", {}), sections.pop("tags", {})
    return Deployment("d", "", {"Resources": resources, **sections}, parameters, tags)


def _standing(**resources: dict[str, Any]) -> dict[str, StackResource]:
    return {
        name: StackResource(
            name,
            "Test::A::Thing",
            "CREATE_COMPLETE",
            1,
            current=PhysicalResource(
                f"{name}-id", properties, {"Arn": f"{name}-arn", "Size": properties.get("Size")}
            ),
            fresh=False,
        )
        for name, properties in resources.items()
    }


def _plan(old: Deployment | None, new: Deployment, standing: dict[str, StackResource]) -> StackPlan:
    return plan_changes(SCOPE, STACK, old, new, standing, TYPES, {"e": "value"})


def _by_name(found: StackPlan) -> dict[str, dict[str, Any]]:
    return {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"] for one in found.changes}


def test_everything_of_a_new_stack_is_added_in_the_order_of_names() -> None:
    found = _plan(None, _deployment({"b": thing(), "A": thing(Other=ref("b"))}), {})
    assert [
        (c["ResourceChange"]["Action"], c["ResourceChange"]["LogicalResourceId"]) for c in found.changes
    ] == [
        ("Add", "A"),
        ("Add", "b"),
    ]


def test_in_place_replaced_removed_and_dependent() -> None:
    old = _deployment({"A": thing(Size=1), "B": thing(Kind="x"), "C": thing(Other=ref("B")), "D": thing()})
    new = _deployment({"A": thing(Size=2), "B": thing(Kind="y"), "C": thing(Other=ref("B"))})
    standing = _standing(A={"Size": 1}, B={"Kind": "x"}, C={"Other": "B-id"}, D={})
    found = _by_name(_plan(old, new, standing))
    assert {name: (one["Action"], one.get("Replacement")) for name, one in found.items()} == {
        "A": ("Modify", "False"),
        "B": ("Modify", "True"),
        "C": ("Modify", "False"),
        "D": ("Remove", None),
    }
    assert found["A"]["PhysicalResourceId"] == "A-id" and found["A"]["Scope"] == ["Properties"]
    assert found["A"]["Details"] == [
        {
            "Target": {
                "Attribute": "Properties",
                "Name": "Size",
                "RequiresRecreation": "Never",
                "Path": "/Properties/Size",
                "BeforeValue": "1",
                "AfterValue": "2",
                "AttributeChangeType": "Modify",
            },
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
    ]
    assert found["C"]["Details"][0]["ChangeSource"] == "ResourceReference"
    assert found["C"]["Details"][0]["CausingEntity"] == "B"


def test_what_only_may_be_replaced_is_conditional() -> None:
    resources = {"A": thing(Size=2), "B": thing(Kind=att("A", "Size")), "C": thing(Kind=att("A", "Arn"))}
    old = _deployment({**resources, "A": thing(Size=1)})
    standing = _standing(A={"Size": 1}, B={"Kind": 1}, C={"Kind": "A-arn"})
    found = _by_name(_plan(old, _deployment(resources), standing))
    assert found["B"]["Replacement"] == "Conditional"
    assert found["B"]["Details"][0]["CausingEntity"] == "A.Size"
    assert "C" not in found  # an ARN lasts as long as what it names


def test_a_changed_parameter_is_named() -> None:
    sections = {"Parameters": {"P": {"Type": "String"}}}
    old = _deployment({"A": thing(Size=ref("P"))}, parameters={"P": "1"}, **sections)
    new = _deployment({"A": thing(Size=ref("P"))}, parameters={"P": "2"}, **sections)
    (change,) = _by_name(_plan(old, new, _standing(A={"Size": "1"}))).values()
    assert [(d["ChangeSource"], d.get("CausingEntity")) for d in change["Details"]] == [
        ("ParameterReference", "P"),
        ("DirectModification", None),
    ]


def test_nothing_changes() -> None:
    same = _deployment({"A": thing(Size=1)}, Description="old")
    found = _plan(same, _deployment({"A": thing(Size=1)}, Description="new"), _standing(A={"Size": 1}))
    assert is_empty(found, STACK, same, same)
    tagged = _deployment({"A": thing(Size=1)}, tags={"a": "b"})
    assert not is_empty(_plan(same, tagged, _standing(A={"Size": 1})), STACK, same, tagged)
    with_output = _deployment({"A": thing(Size=1)}, Outputs={"O": {"Value": ref("A")}})
    assert not is_empty(_plan(same, with_output, _standing(A={"Size": 1})), STACK, same, with_output)


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        ({"Type": "AWS::X::Y"}, "The resource types [AWS::X::Y] are not supported by Nightbus yet."),
        (
            {"Type": "Custom::C", "Version": "1.0"},
            "The resource types [Custom::C] are not supported by Nightbus yet.",
        ),
        (
            {**thing(), "UpdatePolicy": {}},
            "The attribute UpdatePolicy of resource A (Test::A::Thing) is not supported by Nightbus yet.",
        ),
        (
            thing(Colour=1),
            "Properties validation failed for resource A with message: #: extraneous key [Colour] is not permitted",
        ),
        (thing(Size={"Fn::ImportValue": "none"}), "No export named none found."),
    ],
)
def test_what_cannot_be_carried_out_is_refused(resource: dict[str, Any], message: str) -> None:
    with pytest.raises(AwsError) as refused:
        _plan(None, _deployment({"A": resource}), {})
    assert refused.value.message == message


def test_what_a_false_condition_leaves_out_may_be_of_any_type() -> None:
    left_out = {
        "Type": "AWS::EC2::Instance",
        "Condition": "No",
        "CreationPolicy": {},
        "Properties": {"X": {"Fn::Transform": {"Name": "Mine"}}},
    }
    conditions = {"No": {"Fn::Equals": ["a", "b"]}}
    new = _deployment({"A": thing(), "B": left_out}, Conditions=conditions)
    assert list(_by_name(_plan(None, new, {}))) == ["A"]


@pytest.mark.parametrize(
    ("kind", "properties", "what"),
    [
        ("AWS::Lambda::Function", {**CODE, "Runtime": "ruby3.3"}, "Runtime ruby3.3"),
        ("AWS::Lambda::Function", {**CODE, "PackageType": "Image"}, "PackageType Image"),
        ("AWS::Lambda::Function", {"Code": {"ImageUri": "i"}, "Role": "r"}, "Code.ImageUri"),
        (
            "AWS::Lambda::EventSourceMapping",
            {"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s", "FunctionName": "f"},
            "EventSourceArn arn:aws:kinesis:us-east-1:000000000000:stream/s",
        ),
        (
            "AWS::Lambda::EventInvokeConfig",
            {
                "FunctionName": "f",
                "Qualifier": "$LATEST",
                "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:states:us-east-1:1:x"}},
            },
            "the OnFailure destination arn:aws:states:us-east-1:1:x",
        ),
        ("AWS::Logs::LogGroup", {"LogGroupClass": "INFREQUENT_ACCESS"}, "LogGroupClass INFREQUENT_ACCESS"),
        (
            "AWS::Events::Connection",
            {
                "AuthorizationType": "API_KEY",
                "AuthParameters": {
                    "ApiKeyAuthParameters": {"ApiKeyName": "n", "ApiKeyValue": "v"},
                    "ConnectivityParameters": {
                        "ResourceParameters": {"ResourceConfigurationArn": "arn:aws:x"}
                    },
                },
            },
            "AuthParameters.ConnectivityParameters",
        ),
        (
            "AWS::S3::Bucket",
            {
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms:dsse"}}
                    ]
                }
            },
            "SSEAlgorithm aws:kms:dsse",
        ),
        ("AWS::SNS::Subscription", {"Protocol": "firehose", "TopicArn": ref("P")}, "Protocol firehose"),
        (
            "AWS::SNS::Topic",
            {"Subscription": [{"Protocol": "firehose", "Endpoint": "e"}]},
            "the Subscription protocol firehose",
        ),
    ],
)
def test_values_that_only_aws_has_are_refused_before_anything_is_made(
    kind: str, properties: dict[str, Any], what: str
) -> None:
    new = _deployment(
        {"A": {"Type": kind, "Properties": properties}},
        Parameters={"P": {"Type": "String"}},
        parameters={"P": "x"},
    )
    with pytest.raises(AwsError) as refused:
        plan_changes(SCOPE, STACK, None, new, {}, RESOURCE_TYPES, {})
    assert refused.value.message == f"{what} of resource A ({kind}) is not supported by Nightbus yet."


def test_values_that_are_not_known_yet_are_not_judged() -> None:
    unknown = {"Fn::GetAtt": ["Q", "Arn"]}
    mapping = {
        "Type": "AWS::Lambda::EventSourceMapping",
        "Properties": {"EventSourceArn": unknown, "FunctionName": "f"},
    }
    new = _deployment({"Q": {"Type": "AWS::SQS::Queue"}, "M": mapping})
    assert sorted(_by_name(plan_changes(SCOPE, STACK, None, new, {}, RESOURCE_TYPES, {}))) == ["M", "Q"]


def test_imports_are_noted() -> None:
    assert _plan(None, _deployment({"A": thing(Size={"Fn::ImportValue": "e"})}), {}).imports == ["e"]
