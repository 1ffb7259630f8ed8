"""AWS::LanguageExtensions: loops become members, and functions over what is known become their values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.planning.proposal import process, propose
from nightbus.stacks.records import Stack
from nightbus.stacks.templates.intrinsics import Evaluator
from nightbus.stacks.templates.language_extensions import extend
from stack_rig import SCOPE

STACK = Stack("arn:aws:cloudformation:us-east-1:000000000000:stack/s/1", "s", "CREATE_IN_PROGRESS", 1)
EXTENSIONS = "AWS::LanguageExtensions"


async def processed(resources: dict[str, Any], **sections: Any) -> dict[str, Any]:
    document = {"Transform": EXTENSIONS, "Resources": resources, **sections}
    proposal = propose(json.dumps(document), [], {}, {}, ["CAPABILITY_IAM"])
    return (await process(proposal, SCOPE, STACK)).processed


async def made(properties: Any, **sections: Any) -> Any:
    resources = {"A": {"Type": "AWS::SNS::Topic", "Properties": properties}}
    return (await processed(resources, **sections))["Resources"]["A"].get("Properties")


async def refused(resources: dict[str, Any], **sections: Any) -> str:
    with pytest.raises(AwsError) as error:
        await processed(resources, **sections)
    assert error.value.code == "ValidationError"
    return error.value.message


def topic(**properties: Any) -> dict[str, Any]:
    return {"Type": "AWS::SNS::Topic", "Properties": properties}


async def test_a_loop_makes_resources_conditions_outputs_and_properties() -> None:
    found = await processed(
        {
            "Fn::ForEach::Topics": [
                "Name",
                {"Ref": "Names"},
                {
                    "Topic${Name}": {
                        **topic(TopicName={"Fn::Sub": "${AWS::StackName}-${Name}"}, DisplayName={"Ref": "Name"}),
                        "Condition": {"Fn::Sub": "Has${Name}"},
                    }
                },
            ],
            "Other": topic(**{"Fn::ForEach::P": ["X", ["TopicName", "DisplayName"], {"${X}": "a"}]}),
        },
        Parameters={"Names": {"Type": "CommaDelimitedList", "Default": "A,B"}},
        Conditions={"Fn::ForEach::C": ["Name", ["A", "B"], {"Has${Name}": {"Fn::Equals": [{"Ref": "Name"}, "A"]}}]},
        Outputs={
            "Fn::ForEach::O": [
                "Name", ["A", "B"],
                {"Arn${Name}": {"Value": {"Fn::GetAtt": [{"Fn::Sub": "Topic${Name}"}, "TopicArn"]}}},
            ]
        },
    )  # fmt: skip
    assert found["Resources"] == {
        "TopicA": {
            **topic(TopicName={"Fn::Sub": "${AWS::StackName}-A"}, DisplayName="A"), "Condition": "HasA",
        },
        "TopicB": {
            **topic(TopicName={"Fn::Sub": "${AWS::StackName}-B"}, DisplayName="B"), "Condition": "HasB",
        },
        "Other": topic(TopicName="a", DisplayName="a"),
    }  # fmt: skip
    assert list(found["Conditions"]) == ["HasA", "HasB"]
    assert found["Outputs"]["ArnB"] == {"Value": {"Fn::GetAtt": ["TopicB", "TopicArn"]}}
    assert "Transform" not in found


async def test_loops_nest_and_ampersands_leave_letters_and_digits() -> None:
    inner = ["Port", ["80", "443"], {"R&{Ip}p${Port}": topic(TopicName={"Fn::Sub": "${Ip}:${Port}"})}]
    found = await processed(
        {"Fn::ForEach::Outer": ["Ip", ["10.0.0.1", "::2"], {"Fn::ForEach::Inner": inner}]}
    )
    names = {name: one["Properties"]["TopicName"] for name, one in found["Resources"].items()}
    assert names == {
        "R10001p80": "10.0.0.1:80", "R10001p443": "10.0.0.1:443", "R2p80": "::2:80", "R2p443": "::2:443",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("loop", "message"),
    [
        (["X", ["a"]], "Fn::ForEach layout is incorrect"),
        (["X", "a", {"A${X}": topic()}], "Fn::ForEach layout is incorrect"),
        (["X", [{"Fn::GetAtt": ["B", "Arn"]}], {"A${X}": topic()}], "Fn::ForEach layout is incorrect"),
        (["X", ["a", "b"], {"A": topic()}], "Duplicate key 'A' when merging keys to parent object in Fn::ForEach"),
        (["X", ["a"], {"A${X}": topic(Size={"Fn::Length": "x"})}], "Fn::Length layout is incorrect"),
    ],
)  # fmt: skip
async def test_a_wrong_loop_is_refused(loop: Any, message: str) -> None:
    found = await refused({"Fn::ForEach::L": loop})
    assert found == f"Transform AWS::LanguageExtensions failed with: {message}"


async def test_loops_have_limits() -> None:
    many = [str(n) for n in range(100)]
    body: dict[str, Any] = {"R${A}x${B}x${C}": topic()}
    for name in "CBA":
        body = {f"Fn::ForEach::{name}": [name, many, body]}
    assert "makes the template too large" in await refused(body)
    body = {"R": topic()}
    for name in "ABCDEFG":
        body = {f"Fn::ForEach::{name}": [name, ["a"], body]}
    assert "nested" in await refused(body)


async def test_functions_over_what_is_known_become_values() -> None:
    sections: dict[str, Any] = {
        "Mappings": {"M": {"a": {"b": "found"}}},
        "Parameters": {"L": {"Type": "CommaDelimitedList", "Default": "x,y"}},
    }
    assert await made({"Size": {"Fn::Length": {"Ref": "L"}}}, **sections) == {"Size": 2}
    text = {
        "Fn::ToJsonString": {"l": {"Ref": "L"}, "n": {"Ref": "AWS::NoValue"}, "r": {"Ref": "AWS::Region"}}
    }
    assert await made({"T": text}, **sections) == {"T": '{"l":["x","y"],"r":"us-east-1"}'}
    keys: list[Any] = ["M", {"Fn::Select": [0, ["a"]]}, {"Fn::Join": ["", ["b"]]}]
    assert await made({"F": {"Fn::FindInMap": keys}}, **sections) == {"F": "found"}
    keys = ["M", "no", "b", {"DefaultValue": {"Ref": "L"}}]
    assert await made({"F": {"Fn::FindInMap": keys}}, **sections) == {"F": ["x", "y"]}
    later = {"T": {"Fn::ToJsonString": {"arn": {"Fn::GetAtt": ["B", "TopicArn"]}}}}
    found = await processed({"A": topic(**later), "B": topic()})
    assert found["Resources"]["A"]["Properties"] == later


async def test_a_secret_does_not_come_into_the_processed_template() -> None:
    secret = {"T": {"Fn::ToJsonString": {"password": {"Ref": "S"}}}}
    parameters = {"S": {"Type": "String", "NoEcho": True, "Default": "hunter22"}}
    assert await made(secret, Parameters=parameters) == secret


async def test_attributes_may_be_expressions() -> None:
    found = await processed(
        {
            "A": {
                **topic(),
                "DeletionPolicy": {"Fn::If": ["Keep", "Retain", "Delete"]},
                "DependsOn": {"Fn::Split": [",", "B,C"]},
                "Condition": {"Fn::FindInMap": ["M", "a", "none", {"DefaultValue": {"Ref": "AWS::NoValue"}}]},
            },
            "B": topic(), "C": topic(),
        },
        Conditions={"Keep": {"Fn::Equals": [{"Fn::Length": ["x"]}, 1]}},
        Mappings={"M": {"a": {"b": "c"}}},
    )  # fmt: skip
    one = found["Resources"]["A"]
    assert (one["DeletionPolicy"], one["DependsOn"], "Condition" in one) == ("Retain", ["B", "C"], False)


def test_without_the_transform_its_functions_do_not_exist() -> None:
    with pytest.raises(AwsError) as error:
        propose(json.dumps({"Resources": {"A": topic(Size={"Fn::Length": []})}}), [], {}, {}, [])
    assert error.value.message.startswith(
        "Template Error: Encountered unsupported function: Fn::Length Supported"
    )


async def test_a_macro_that_is_not_there_is_named() -> None:
    nested = {"A": {**topic(), "Fn::Transform": {"Name": "Mine", "Parameters": {"a": 1}}}}
    assert await refused(nested) == "No transform named Mine found."


def test_json_texts_within_json_texts_cannot_fill_the_memory() -> None:
    """Each level doubles the escapes: 40 levels of a template of 2 KB would be a terabyte."""
    value: Any = '"'
    for _ in range(40):
        value = {"Fn::ToJsonString": {"a": value}}
    document = {"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Metadata": {"a": value}}}}
    with pytest.raises(AwsError):
        Evaluator({}, extended=True).evaluate(value)
    assert extend(document, {})["Resources"]
