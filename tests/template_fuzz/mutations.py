"""Damages templates, and makes sets of parameter values, right ones and wrong ones."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

WORDS = (
    "", "It0", "It1", "Queue0", "C1", "P1", "P2", "M1", "Ref", "Fn::Sub", "${", "${It0.}", "${.x}", "${!x}", "&{L}",
    "${AWS::NoValue}", "AWS::Region", "AWS::NoValue", "AWS::StackId", "Condition", "true", "2010-09-09", "Retain",
    "{{resolve:ssm:/fuzz/name}}", "{{resolve:secretsmanager:}}", "{{resolve:ssm-secure:x}}", "{{resolve:ssm:/no}}",
    "AWS::LanguageExtensions", "AWS::Serverless-2016-10-31", "s3://b/k", "x" * 300, "1e999", "-0", "0x1f", "\u202e",
    "\U0001f600", "\x00", "~", "(a+)+$", "[[:alpha:]]", "\\p{Alpha}++", "AWS::SSM::Parameter::Value<String>", "Number",
    "List<Number>", "AWS::S3::Bucket", "AWS::EC2::Instance", "Custom::X", "AWS::IAM::Role", "AWS::SQS::Queue", "::",
    "__proto__", "arn:aws:sqs:us-east-1:000000000000:none", "arn:aws:iam::aws:policy/AdministratorAccess", "Arn",
    "rate(1 minute)", "a,b", "*", "default", "{}", "[]", "null", "$.a", "<b>", "us-east-1a", "0", "1", "1.5", "-1",
)  # fmt: skip
NUMBERS = (0, 1, -1, 2, 7, 300, 4097, 2**31, 2**63, -(2**64), 10**400, 1.5, 1e308)
FUNCTIONS = (
    "Ref", "Fn::GetAtt", "Fn::Sub", "Fn::Join", "Fn::Select", "Fn::Split", "Fn::FindInMap", "Fn::If", "Fn::And",
    "Fn::Or", "Fn::Not", "Fn::Equals", "Fn::Base64", "Fn::ImportValue", "Fn::GetAZs", "Fn::Cidr", "Fn::Length",
    "Fn::ToJsonString", "Condition", "Fn::Transform", "Fn::ForEach::X", "Fn::Contains", "Fn::RefAll", "Fn::ValueOf",
    "Fn::EachMemberIn", "Fn::GetStackOutput", "Fn::Nonsense",
)  # fmt: skip


def any_value(rnd: Random, depth: int = 3) -> Any:
    match rnd.randrange(10 if depth else 5):
        case 0:
            return rnd.choice(NUMBERS)
        case 1:
            return rnd.choice((True, False, None))
        case 2 | 3 | 4:
            return rnd.choice(WORDS)
        case 5 | 6:
            return [any_value(rnd, depth - 1) for _ in range(rnd.randrange(4))]
        case 7:
            return {rnd.choice(WORDS): any_value(rnd, depth - 1) for _ in range(rnd.randrange(3))}
        case _:
            return {rnd.choice(FUNCTIONS): any_value(rnd, depth - 1)}


def mutated(rnd: Random, document: Any, times: int) -> Any:
    """Return the document with as many values replaced, removed, doubled, wrapped, or exchanged for another one."""
    document = copy.deepcopy(document)
    for _ in range(times):
        places = list(_places(document))
        at, key = rnd.choice(places)
        match rnd.randrange(8):
            case 0:
                del at[key]
            case 1:
                deep = at[key]
                for _ in range(rnd.choice((1, 1, 10, 150, 250))):
                    deep = [deep]
                at[key] = deep
            case 2:
                other, other_key = rnd.choice(places)
                at[key] = copy.deepcopy(other[other_key])
            case 3 if isinstance(at, dict):
                at[rnd.choice(WORDS)] = at[key] if rnd.random() < 0.5 else any_value(rnd)
            case 4 if isinstance(at, list):
                at.append(copy.deepcopy(at[key]))
            case 5:
                at[key] = {rnd.choice(FUNCTIONS): copy.deepcopy(at[key])}
            case _:
                at[key] = any_value(rnd)
        if not document:
            return document
    return document


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in pairs:
        yield value, key
        yield from _places(child)


def parameter_set(rnd: Random, document: Any, damage: float) -> list[dict[str, Any]]:
    """Return values for some of the template's parameters, each a wrong one with the chance `damage`."""
    declared = document.get("Parameters") if isinstance(document, dict) else None
    entries: list[dict[str, Any]] = []
    for name, one in declared.items() if isinstance(declared, dict) else ():
        if rnd.random() < damage:
            entries.append(_wrong(rnd, str(name)))
        elif (
            rnd.random() < 0.3 and isinstance(one, dict) and isinstance(one.get("Default"), str | int | float)
        ):
            entries.append({"ParameterKey": str(name), "ParameterValue": str(one["Default"])[:4096]})
    if rnd.random() < damage / 3:
        entries.append({"ParameterKey": rnd.choice(["", "None", "P1"]), "ParameterValue": "x"})
    return entries


def _wrong(rnd: Random, name: str) -> dict[str, Any]:
    value = rnd.choice(WORDS)
    return rnd.choice(
        [
            {"ParameterKey": name, "ParameterValue": value},
            {"ParameterKey": name, "ParameterValue": value},
            {"ParameterKey": name, "UsePreviousValue": True},
            {"ParameterKey": name, "UsePreviousValue": True, "ParameterValue": value},
            {"ParameterKey": name},
        ]
    )
