"""Makes families: a template of several resource types' rows, written with many functions, and its variants."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from random import Random
from typing import Any

from nightbus.stacks.templates.parameter_types import STORED_NAME
from template_fuzz.expressions import Writer
from type_lives import Life, all_lives

# The first two wait for functions that run, and for operations in other accounts; the third is of a key elsewhere.
_SLOW = frozenset(
    {"AWS::CloudFormation::CustomResource", "AWS::CloudFormation::StackSet", "AWS::KMS::ReplicaKey"}
)
BUCKET = "type-lives-"  # and the account: where the artefacts of the rows are
LIVES: Mapping[str, Life] = {name: life for name, life in all_lives().items() if name not in _SLOW}
_TYPED = {
    "AWS::EC2::VPC::Id": "vpc-1",
    "List<AWS::EC2::Subnet::Id>": "subnet-1,subnet-2",
    "AWS::EC2::AvailabilityZone::Name": "us-east-1a",
    "AWS::EC2::KeyPair::KeyName": "key",
    "AWS::EC2::Image::Id": "ami-1",
    "AWS::EC2::SecurityGroup::Id": "sg-1",
    "AWS::Route53::HostedZone::Id": "Z1",
    "AWS::SSM::Parameter::Value<List<String>>": "/fuzz/list",
    "AWS::SSM::Parameter::Value<String>": "/fuzz/name",
    STORED_NAME: "/fuzz/name",
    "List<Number>": "1,2.5",
    "List<String>": "a,b",
    "Number": "-1e3",
}


class Family:
    """`base` can be deployed, as far as its expressions keep the values of the rows."""

    def __init__(self, rnd: Random, number: int, account: str, kinds: list[str], decorations: int) -> None:
        self._rnd = rnd
        self._lives = [LIVES[kind] for kind in kinds]
        self._name, self._account = f"f{number}", account
        self.base: dict[str, Any] = {"Resources": {}}
        for at in range(len(self._lives)):
            self.base["Resources"] |= self._resources(at, {})
        writer = Writer(rnd, self.base)
        writer.decorate(decorations)
        for add in rnd.sample(_ADDITIONS, rnd.randrange(len(_ADDITIONS) + 1) if decorations else 0):
            add(rnd, self.base, writer, f"f{number}")

    def changed(self) -> dict[str, Any]:
        """Return the base with one resource changed, replaced, or made so that it fails; or one more or less."""
        document, rnd = copy.deepcopy(self.base), self._rnd
        at = rnd.randrange(len(self._lives))
        life = self._lives[at]
        changes = rnd.choice([life.update, life.update, life.replacement, life.failing]) or {}
        document["Resources"] |= self._resources(at, changes, only_itself=True)
        if rnd.random() < 0.2 and len(document["Resources"]) > 1:
            del document["Resources"][rnd.choice(list(document["Resources"]))]
        if rnd.random() < 0.2:
            document["Resources"]["Added"] = {"Type": "AWS::SNS::Topic"}
        return document

    def _resources(self, at: int, changes: Mapping[str, Any], *, only_itself: bool = False) -> dict[str, Any]:
        life = self._lives[at]
        text = life.template(f"{self._name}x{at}", changes)
        text = text.replace("000000000000", self._account).replace("type-lives/", f"{BUCKET}{self._account}/")
        text = text.replace('"type-lives"', f'"{BUCKET}{self._account}"')
        found = json.loads(text)["Resources"]
        names = {name: f"{name}{at}" for name in found}
        kept = {"It": found["It"]} if only_itself else found
        return {names[name]: _renamed(one, names) for name, one in kept.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return the resource with the new names of others where it refers to them."""
    if isinstance(value, list):
        return [_renamed(child, names) for child in value]
    if isinstance(value, str):
        for name, new in names.items():
            value = value.replace(f"${{{name}}}", f"${{{new}}}").replace(f"${{{name}.", f"${{{new}.")
        return value
    if not isinstance(value, dict):
        return value
    renamed: dict[str, Any] = {}
    for key, child in value.items():
        if key in ("Ref", "DependsOn") and child in names:
            renamed[key] = names[child]
        elif key == "Fn::GetAtt" and isinstance(child, list) and child[0] in names:
            renamed[key] = [names[child[0]], *child[1:]]
        else:
            renamed[key] = _renamed(child, names)
    return renamed


def _outputs(rnd: Random, document: dict[str, Any], writer: Writer, name: str) -> None:
    resource = rnd.choice([name for name, one in document["Resources"].items() if isinstance(one, dict)])
    values = [
        {"Ref": resource},
        {"Fn::Sub": f"${{{resource}}} in ${{AWS::Region}}"},
        {"Fn::GetAtt": [resource, rnd.choice(["Arn", "Arn", "Name"])]},
        {"Fn::Join": [",", {"Fn::GetAZs": ""}]},
        {"Fn::Select": [1, {"Fn::Cidr": ["10.0.0.0/16", 2, 8]}]},
        {"Fn::Base64": {"Ref": resource}},
        writer.expression("text"),
    ]
    document["Outputs"] = {
        "One": {"Value": rnd.choice(values[:2] + values[3:]), "Export": {"Name": f"{name}-one"}},
        "Two": {"Value": rnd.choice(values if rnd.random() < 0.2 else values[3:]), "Condition": writer.condition()},
    }  # fmt: skip


def _attributes(rnd: Random, document: dict[str, Any], writer: Writer, name: str) -> None:
    names = [name for name, one in document["Resources"].items() if isinstance(one, dict)]
    one = document["Resources"][rnd.choice(names)]
    one.setdefault("DeletionPolicy", rnd.choice(["Delete", "Retain", "RetainExceptOnCreate", "Delete"]))
    one.setdefault("UpdateReplacePolicy", rnd.choice(["Delete", "Retain"]))
    one.setdefault("Metadata", {"of": {"Ref": rnd.choice(names)}})
    if rnd.random() < 0.5:
        one.setdefault("Condition", writer.condition())
    if rnd.random() < 0.3:
        one.setdefault(
            "DependsOn",
            rnd.choice([name for name in names if document["Resources"][name] is not one] or [""]),
        )


def _loops(rnd: Random, document: dict[str, Any], writer: Writer, name: str) -> None:
    writer.extended()
    kind = rnd.choice(["AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::Logs::LogGroup"])
    values = rnd.choice([["A", "B"], {"Ref": writer.parameter("CommaDelimitedList", "A,B,C")}])
    document["Resources"]["Fn::ForEach::Loop"] = ["X", values, {"Loop${X}": {"Type": kind}}]
    if rnd.random() < 0.5:
        document.setdefault("Outputs", {})["Fn::ForEach::Out"] = [
            "Y", ["A", "B"], {"Out${Y}": {"Value": {"Fn::Sub": "is ${LoopA} of ${Y}"}}},
        ]  # fmt: skip
    if rnd.random() < 0.3:
        document.setdefault("Conditions", {})["Fn::ForEach::Cond"] = [
            "Z", ["A", "B"], {"Is${Z}": {"Fn::Equals": [{"Ref": "Z"}, "A"]}},
        ]  # fmt: skip


def _rules(rnd: Random, document: dict[str, Any], writer: Writer, name: str) -> None:
    letters, vpc = (
        writer.parameter("CommaDelimitedList", "a,b"),
        writer.parameter("AWS::EC2::VPC::Id", "vpc-1"),
    )
    asserts = [
        {"Fn::EachMemberIn": [{"Ref": letters}, ["a", "b", "c"]]},
        {"Fn::Contains": [{"Fn::RefAll": "AWS::EC2::VPC::Id"}, {"Ref": vpc}]},
        {"Fn::Not": [{"Fn::Equals": [{"Ref": vpc}, "vpc-2"]}]},
        {"Fn::EachMemberEquals": [[{"Ref": vpc}], {"Ref": vpc}]},
    ]
    document["Rules"] = {
        "R": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "AWS::Region"}, "us-east-1"]},
            "Assertions": [{"Assert": one, "AssertDescription": "d"} for one in rnd.sample(asserts, 2)],
        }
    }


def _typed(rnd: Random, document: dict[str, Any], writer: Writer, name: str) -> None:
    for kind, default in rnd.sample(sorted(_TYPED.items()), 3):
        parameter = writer.parameter(kind, default)
        document.setdefault("Outputs", {})[f"Of{parameter}"] = {
            "Value": {"Fn::Join": ["+", {"Ref": parameter}]} if "List" in kind else {"Ref": parameter}
        }


def _texts(rnd: Random, document: dict[str, Any], writer: Writer, name: str) -> None:
    document["AWSTemplateFormatVersion"] = "2010-09-09"
    document["Description"] = "generated"
    document["Metadata"] = {
        "AWS::CloudFormation::Interface": {"ParameterGroups": []},
        "x": {"Ref": "nothing"},
    }


_ADDITIONS = [_outputs, _attributes, _loops, _rules, _typed, _texts]
