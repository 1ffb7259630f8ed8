"""Templates are read from JSON and from YAML with CloudFormation's tags."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightbus.aws.errors import AwsError
from nightbus.stacks.templates.documents import parse_template_text


def test_short_forms_become_functions() -> None:
    text = """
    A: !Ref X
    B: !GetAtt X.Y.Z
    C: !GetAtt [X, Y]
    D: !Sub ['${v}', {v: !Ref X}]
    E: !If [Prod, !Base64 text, !Ref AWS::NoValue]
    F: !Condition Yes
    G: !Join
      - ','
      - [a, 1]
    """
    assert parse_template_text(text) == {
        "A": {"Ref": "X"},
        "B": {"Fn::GetAtt": ["X", "Y.Z"]},
        "C": {"Fn::GetAtt": ["X", "Y"]},
        "D": {"Fn::Sub": ["${v}", {"v": {"Ref": "X"}}]},
        "E": {"Fn::If": ["Prod", {"Fn::Base64": "text"}, {"Ref": "AWS::NoValue"}]},
        "F": {"Condition": "Yes"},
        "G": {"Fn::Join": [",", ["a", 1]]},
    }


def test_scalars_are_what_was_written() -> None:
    text = "a: 2012-10-17\nb: 000000000001\nc: 12:30:45\nd: yes\ne: 1.5\nf: '1'\ng: ~\n1: one\ntrue: t"
    assert parse_template_text(text) == {
        "a": "2012-10-17",
        "b": "000000000001",
        "c": "12:30:45",
        "d": True,
        "e": 1.5,
        "f": "1",
        "g": None,
        "1": "one",
        "true": "t",
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x [1]\nb: *x", "Template error: YAML aliases are not allowed in CloudFormation templates"),
        (
            "a: 1\na: 2",
            "Template format error: YAML not well-formed. The key 'a' is there twice. (line 2, column 1)",
        ),
        ('{"a": 1, "a": 2}', "Template format error: JSON not well-formed. The key 'a' is there twice."),
        ("a: b: c", "Template format error: YAML not well-formed. (line 1, column 5)"),
        ('{"a":', "Template format error: JSON not well-formed. (line 1, column 6)"),
        ("", "Template format error: unsupported structure."),
        ("- a", "Template format error: unsupported structure."),
        ("a: " + "[" * 100_000, "Template format error: YAML not well-formed. It is nested too deeply."),
        ("[" * 100_000, "Template format error: JSON not well-formed. It is nested too deeply."),
        ('{"a": NaN}', "Template format error: JSON not well-formed. NaN is no JSON value."),
    ],
)
def test_what_is_no_document_is_refused_in_cloudformations_words(text: str, message: str) -> None:
    with pytest.raises(AwsError) as refused:
        parse_template_text(text)
    assert (refused.value.code, refused.value.message) == ("ValidationError", message)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), _JSON, max_size=4))
def test_json_comes_back_as_it_was(document: dict[str, Any]) -> None:
    assert parse_template_text(json.dumps(document)) == document


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        assert isinstance(parse_template_text(text), dict)
    except AwsError as refused:
        assert refused.code == "ValidationError"
