"""Intrinsic functions are evaluated, and refused where they are written wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.expressions import NO_VALUE, UNKNOWN
from nightbus.stacks.templates.intrinsics import Evaluator


class _Made:
    def reference(self, logical_id: str) -> Any:
        return UNKNOWN if logical_id == "Later" else f"{logical_id}-id"

    def attribute(self, logical_id: str, name: str) -> Any:
        return UNKNOWN if logical_id == "Later" else f"{logical_id}.{name}!"

    def imported(self, name: str) -> Any:
        return f"from {name}"


def _evaluator(extended: bool = False) -> Evaluator:
    return Evaluator(
        {"P": "p", "L": ["a", "b"], "AWS::Region": "us-east-1", "AWS::AccountId": "000000000000"},
        {"M": {"p": {"k": "v", "list": ["x", "y"]}}},
        {
            "Yes": {"Fn::Equals": [{"Ref": "P"}, "p"]},
            "No": {"Fn::Not": [{"Condition": "Yes"}]},
            "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
            "One": {"Fn::Or": [{"Condition": "Yes"}, {"Condition": "No"}]},
            "Loop": {"Fn::Not": [{"Condition": "Loop"}]},
        },
        _Made(),
        extended,
    )


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "P"}, "p"),
        ({"Ref": "R"}, "R-id"),
        ({"Ref": "AWS::NoValue"}, NO_VALUE),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"Fn::GetAtt": ["R", "Arn"]}, "R.Arn!"),
        ({"Fn::GetAtt": "R.Outputs.X"}, "R.Outputs.X!"),
        ({"Fn::Sub": "${P}:${R}:${R.Arn}:${!P}:${AWS::Region}:$P"}, "p:R-id:R.Arn!:${P}:us-east-1:$P"),
        ({"Fn::Sub": ["${x}${P}", {"x": {"Ref": "R"}}]}, "R-idp"),
        ({"Fn::Join": ["-", ["a", {"Ref": "P"}, 1, True]]}, "a-p-1-true"),
        ({"Fn::Join": ["-", {"Ref": "L"}]}, "a-b"),
        ({"Fn::Select": ["1", {"Ref": "L"}]}, "b"),
        ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "us-east-1a"),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::FindInMap": ["M", {"Ref": "P"}, "k"]}, "v"),
        ({"Fn::FindInMap": ["M", "p", "list"]}, ["x", "y"]),
        ({"Fn::FindInMap": ["M", "p", "no", {"DefaultValue": "d"}]}, "d"),
        ({"Fn::If": ["Yes", 1, 2]}, 1),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["One", 1, 2]}, 1),
        ({"Fn::Base64": "hi"}, "aGk="),
        ({"Fn::ImportValue": {"Fn::Sub": "${P}-x"}}, "from p-x"),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Condition": "StringEquals"}, {"Condition": "StringEquals"}),
        ({"Fn::Join": ["-", ["a", {"Ref": "Later"}]]}, UNKNOWN),
        ({"Fn::Sub": "${Later.Arn}"}, UNKNOWN),
    ],
)
def test_functions(expression: Any, value: Any) -> None:
    assert _evaluator().evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"Fn::Join": ["-"]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Join": ["-", [["a"], {}]]}, "every Fn::Join object requires two parameters"),
        ({"Fn::Select": [5, ["a"]]}, "Fn::Select  cannot select nonexistent value at index 5"),
        ({"Fn::Select": ["x", ["a"]]}, "Fn::Select requires a list argument with a valid index"),
        ({"Fn::Split": [",", ["a"]]}, "every Fn::Split object requires two parameters"),
        ({"Fn::FindInMap": ["M", "p"]}, "every Fn::FindInMap object requires three parameters"),
        ({"Fn::FindInMap": ["M", "p", "no"]}, "Unable to get mapping for M::p::no"),
        ({"Fn::FindInMap": ["No", "p", "k"]}, "Mapping named 'No' is not present in the 'Mappings' section"),
        ({"Fn::If": ["Yes", 1]}, "Fn::If requires a list argument with three elements"),
        ({"Fn::If": ["Loop", 1, 2]}, "Circular dependency between conditions: [Loop]"),
        ({"Fn::Base64": ["a"]}, "every Fn::Base64 object must have a String-typed value."),
        ({"Fn::Length": ["a"]}, "Fn::Length requires the transform AWS::LanguageExtensions."),
        ({"Fn::Nonsense": 1}, "The function Fn::Nonsense is not supported by Nightbus yet."),
        ({"Fn::Sub": ["${x}"]}, "One or more Fn::Sub intrinsic functions don't specify expected arguments."),
    ],
)
def test_wrong_functions_are_refused(expression: Any, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        _evaluator().evaluate(expression)
    unsupported = message.endswith("not supported by Nightbus yet.")
    assert refused.value.code == ("NotImplementedException" if unsupported else "ValidationError")
    assert message in refused.value.message


def test_language_extensions() -> None:
    found = _evaluator(extended=True)
    assert found.evaluate({"Fn::Length": {"Ref": "L"}}) == 2
    assert found.evaluate({"Fn::ToJsonString": {"a": {"Ref": "P"}}}) == '{"a":"p"}'


def test_a_short_template_cannot_unfold_without_end() -> None:
    bomb = Evaluator({}, {"M": {"a": {"b": ["x"] * 10_000}}})
    with pytest.raises(AwsError, match="the values of the template are too large"):
        bomb.evaluate([{"Fn::FindInMap": ["M", "a", "b"]}] * 10_000)
    with pytest.raises(AwsError, match="the values of the template are too large"):
        Evaluator({"P": "x" * 4096}).evaluate({"Fn::Sub": "${P}" * 10_000})
