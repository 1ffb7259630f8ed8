"""Generates templates that are nearly right, as JSON and as YAML, and values of their parameters."""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml
from hypothesis import strategies as st

TOPIC = "AWS::SNS::Topic"
GOOD: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Description": "good",
    "Transform": ["AWS::LanguageExtensions"],
    "Metadata": {"M": 1, "AWS::CloudFormation::Interface": {"ParameterGroups": []}},
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
        "S": {"Type": "String", "NoEcho": True, "Default": "secret"},
        "V": {"Type": "AWS::EC2::VPC::Id", "Default": "vpc-1"},
        "Stored": {"Type": "AWS::SSM::Parameter::Value<List<String>>", "Default": "/a"},
    },
    "Rules": {
        "R": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "P"}, "a"]},
            "Assertions": [
                {"Assert": {"Fn::EachMemberIn": [{"Ref": "L"}, ["a", "b"]]}, "AssertDescription": "d"},
                {"Assert": {"Fn::Contains": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}, {"Ref": "V"}]}},
            ],
        }
    },
    "Mappings": {"M": {"a": {"b": "c", "l": ["x"]}}},
    "Conditions": {
        "Yes": {"Fn::Equals": [{"Ref": "P"}, "a"]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Fn::Not": [{"Condition": "Yes"}]}]},
        "One": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "Both"}]},
        "Fn::ForEach::C": ["X", ["a"], {"Has${X}": {"Fn::Equals": [{"Ref": "X"}, "a"]}}],
    },
    "Resources": {
        "A": {
            "Type": TOPIC,
            "Condition": "Yes",
            "DeletionPolicy": {"Fn::If": ["Yes", "Retain", "Delete"]},
            "UpdateReplacePolicy": "Delete",
            "Metadata": {"x": "y"},
            "Properties": {
                "DisplayName": {"Fn::If": ["Yes", {"Ref": "B"}, {"Ref": "AWS::NoValue"}]},
                "TopicName": {
                    "Fn::Sub": ["${AWS::StackName}${x}${P}", {"x": {"Fn::Select": [0, {"Ref": "L"}]}}]
                },
                "KmsMasterKeyId": {
                    "Fn::Join": ["-", [{"Fn::FindInMap": ["M", {"Ref": "P"}, "b"]}, {"Fn::Base64": "x"}]]
                },
            },
        },
        "B": {
            "Type": TOPIC,
            "DependsOn": ["C"],
            "Properties": {
                "DisplayName": {"Fn::GetAtt": ["C", "TopicName"]},
                "TopicName": {
                    "Fn::Sub": "${AWS::StackName}{{resolve:ssm:/name:1}}{{resolve:secretsmanager:s:SecretString:k}}"
                },
                "Tags": [
                    {
                        "Key": {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
                        "Value": {"Fn::ToJsonString": {"Ref": "L"}},
                    },
                    {"Key": "k", "Value": {"Fn::Select": [1, {"Fn::Cidr": ["10.0.0.0/16", 2, 8]}]}},
                    {
                        "Key": {"Fn::Length": {"Ref": "L"}},
                        "Value": {"Fn::Select": [0, {"Fn::Split": [",", {"Ref": "P"}]}]},
                    },
                ],
            },
        },
        "C": {"Type": TOPIC},
        "Fn::ForEach::R": [
            "Name",
            {"Ref": "L"},
            {
                "T${Name}&{Name}": {
                    "Type": TOPIC,
                    "Properties": {"TopicName": {"Fn::Sub": "${Name}-${AWS::StackName}"}},
                }
            },
        ],
        "D": {"Type": TOPIC, "Properties": {"Fn::Transform": {"Name": "Mine", "Parameters": {"a": "b"}}}},
    },
    "Outputs": {
        "O": {"Value": {"Ref": "A"}, "Condition": "Yes", "Export": {"Name": "n"}, "Description": "d"},
        "Fn::ForEach::O": ["X", ["a", "b"], {"Out${X}": {"Value": {"Fn::GetAtt": ["C", "TopicArn"]}}}],
    },
}
_FUNCTIONS = (
    "Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::FindInMap", "Fn::If", "Fn::And",
    "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Base64", "Fn::ImportValue", "Fn::GetAZs", "Fn::Cidr", "Fn::Length",
    "Fn::ToJsonString", "Condition", "Fn::Transform", "Fn::ForEach::X", "Fn::Contains", "Fn::RefAll", "Fn::ValueOf",
    "Fn::EachMemberIn", "Fn::Nonsense",
)  # fmt: skip
_WORDS = st.sampled_from(
    [
        "", "A", "B", "C", "Yes", "P", "L", "S", "M", "Name", "Ref", "Fn::Sub", "${", "${A.}", "${.x}", "${!x}", "&{L}",
        "${AWS::NoValue}", "AWS::Region", "AWS::NoValue", "AWS::StackId", "Condition", "Fn::If", "true", "2010-09-09",
        "{{resolve:ssm:/a}}", "{{resolve:secretsmanager:}}", "{{resolve:ssm-secure:x}}", "AWS::Include", "Mine",
        "AWS::LanguageExtensions", "s3://b/k", "x" * 300, "1e999", "-0", "0x1f", "\u202e", "\U0001f600", "\x00", "~",
        "a" * 40 + "!", "(a+)+$", "[[:alpha:]]", "\\p{Alpha}++", "AWS::SSM::Parameter::Value<String>", "Number",
        "List<Number>", "AWS::S3::Bucket", "AWS::EC2::Instance", "Custom::X", "AWS::IAM::Role", "::", "__proto__",
    ]
)  # fmt: skip
_NUMBERS = st.integers(-3, 300) | st.sampled_from([2**63, -(2**64), 10**400, 1.5, 1e308, -1])
VALUES = st.recursive(
    st.none() | st.booleans() | _NUMBERS | _WORDS | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_WORDS | st.text(max_size=5), inner, max_size=3)
        | st.builds(lambda name, argument: {name: argument}, st.sampled_from(_FUNCTIONS), inner)
    ),
    max_leaves=8,
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        found += paths(child, (*path, key))
    return found


_PATHS = paths(GOOD)


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """A good template with one to three values replaced, removed or wrapped in lists."""
    document = copy.deepcopy(GOOD)
    if draw(st.booleans()):
        del document["Resources"]["D"]  # a macro that is not there ends a change set early
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_PATHS))
        at: Any = document
        try:
            for key in path[:-1]:
                at = at[key]
            value = at[path[-1]]
        except (KeyError, IndexError, TypeError):
            continue
        if isinstance(at, str):
            continue
        match draw(st.integers(0, 4)):
            case 0:
                del at[path[-1]]
            case 1:
                deep: Any = value
                for _ in range(draw(st.sampled_from([1, 10, 150, 250]))):
                    deep = [deep]
                at[path[-1]] = deep
            case _:
                at[path[-1]] = draw(VALUES)
    return document


_GENTLE = [
    path for path in _PATHS if len(path) > 3 and path[0] in ("Conditions", "Mappings", "Outputs", "Resources")
]


@st.composite
def deployable_documents(draw: st.DrawFn) -> Any:
    """A good template of which a value is another one of its own, a word, or absent: most of these can be deployed."""
    document = copy.deepcopy(GOOD)
    del document["Resources"]["D"]
    path, other = (draw(st.sampled_from(_GENTLE)) for _ in range(2))
    value: Any = GOOD
    for key in other:
        value = value[key]
    at: Any = document
    for key in path[:-1]:
        at = at.get(key, {}) if isinstance(at, dict) else at[key]
    if path[-1] in (at if isinstance(at, dict) else range(len(at))):
        match draw(st.integers(0, 3)):
            case 0:
                del at[path[-1]]
            case 1:
                at[path[-1]] = draw(_WORDS)
            case _:
                at[path[-1]] = copy.deepcopy(value)
    return document


class _Dumper(yaml.SafeDumper):
    """Writes functions in their short forms."""


def _short(dumper: yaml.SafeDumper, value: dict[str, Any]) -> yaml.Node:
    if len(value) == 1:
        (name, argument), *_ = value.items()
        if isinstance(name, str) and name.startswith("Fn::") and isinstance(argument, str | list):
            tag = "!" + "".join(letter for letter in name.removeprefix("Fn::") if letter.isalnum())
            if isinstance(argument, str):
                return dumper.represent_scalar(tag, argument)
            return dumper.represent_sequence(tag, argument)
    return dumper.represent_mapping("tag:yaml.org,2002:map", value)


_Dumper.add_representer(dict, _short)
_SPLICES = st.sampled_from(
    [
        "", "&a ", "*a", "!!binary x", "!Sub", "!!python/object:os.system x", "{", "[", "]", "}", ": ", "\n", "- ",
        "\t", "? ", "| ", ">-", "%YAML 9.9\n", "---\n", "...", "#", "'", '"', "\\ud800", "<<: ", "\ufeff", "\x00",
        "\x85", "a: &x [*x]\n", "1e400", ",", "null", "!Ref [a]", "!GetAtt x", "! ", "!<tag:x> ",
    ]
)  # fmt: skip


@st.composite
def texts(draw: st.DrawFn) -> str:
    """The text of a template, in JSON or YAML, sometimes damaged."""
    document = draw(documents())
    if draw(st.booleans()):
        text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    else:
        dumper = draw(st.sampled_from([yaml.SafeDumper, _Dumper]))
        try:
            text = yaml.dump(document, Dumper=dumper, allow_unicode=draw(st.booleans()))
        except (yaml.YAMLError, ValueError, RecursionError):
            text = json.dumps(document)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, max(len(text) - 1, 0)))
        text = text[:at] + draw(_SPLICES) + text[at + draw(st.integers(0, 5)) :]
    return text.encode("utf-8", "replace").decode() or " "


@st.composite
def parameter_entries(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Values of parameters, for some of those of the good template and for others."""
    names = draw(st.lists(st.sampled_from(["P", "N", "L", "S", "V", "Stored", "X", ""]), max_size=3))
    entries: list[dict[str, Any]] = []
    for name in names:
        entry: dict[str, Any] = {"ParameterKey": name} if name else {}
        if draw(st.booleans()):
            entry["ParameterValue"] = draw(_WORDS | st.text(max_size=10)).encode("utf-8", "replace").decode()
        if draw(st.booleans()):
            entry["UsePreviousValue"] = draw(st.booleans())
        entries.append(entry)
    return entries
