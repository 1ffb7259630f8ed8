"""URLs of callbacks, answers of custom resources, creation policies and stack policies: what is accepted."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from nightbus.aws.errors import AwsError
from nightbus.stacks.callbacks.answers import judged
from nightbus.stacks.callbacks.urls import RESPONSES, SIGNALS, Callback, CallbackUrls
from nightbus.stacks.planning.stack_policy import MODIFY, REPLACE, check_policy, denial
from nightbus.stacks.templates.creation_policy import ResourceSignals, resource_signals_of

STACK = "arn:aws:cloudformation:eu-west-1:000000000000:stack/demo/5b3a9c1e-0000-4000-8000-000000000000"
REQUEST = {"StackId": STACK, "RequestId": "r", "LogicalResourceId": "A", "RequestType": "Create"}
URLS = CallbackUrls(b"secret", "http://127.0.0.1:4566")


@pytest.mark.parametrize("kind", [RESPONSES, SIGNALS])
def test_a_url_is_read_as_it_was_made_until_it_expires(kind: str) -> None:
    callback = Callback(kind, STACK, "Thing", "id-1")
    parts = urlsplit(URLS.url(callback, 1000))
    assert parts.path.startswith(f"/{kind}euwest1/arn%3Aaws")
    assert URLS.callback(unquote(parts.path), parts.query, 1000) == callback
    for path, query, now in (
        (unquote(parts.path), parts.query, 1001),
        (unquote(parts.path) + "x", parts.query, 0),
        (unquote(parts.path), parts.query.replace("1000", "2000"), 0),
        (unquote(parts.path), "", 0),
        ("/cloudformation-else/x", parts.query, 0),
    ):
        with pytest.raises(AwsError) as refused:
            URLS.callback(path, query, now)
        assert refused.value.status == 403
    with pytest.raises(AwsError):
        CallbackUrls(b"other", "").callback(unquote(parts.path), parts.query, 0)


@pytest.mark.parametrize(
    ("response", "failure"),
    [
        ({"Status": "SUCCESS", "PhysicalResourceId": "p"}, ""),
        ({"Status": "SUCCESS", "PhysicalResourceId": "p" * 1025}, "Invalid PhysicalResourceId"),
        ({"Status": "SUCCESS", "PhysicalResourceId": 7}, "Invalid PhysicalResourceId"),
        ({"Status": "FAILED", "Reason": "no"}, "Invalid PhysicalResourceId"),
        ({"Status": "success", "PhysicalResourceId": "p"}, "Invalid response: Status"),
        (
            {"Status": "SUCCESS", "PhysicalResourceId": "p", "RequestId": "other"},
            "Invalid response: RequestId",
        ),
        ({"Status": "SUCCESS", "PhysicalResourceId": "p", "Data": "text"}, "Invalid response: Data"),
        (["SUCCESS"], "Invalid response"),
    ],
)
def test_answers(response: Any, failure: str) -> None:
    answer = judged(json.dumps(response), REQUEST)
    assert answer.failure.startswith(failure)
    assert bool(answer.failure) == bool(failure)


@pytest.mark.parametrize(
    "data",
    ["[" * 300 + "]" * 300, '"\\ud800"', "NaN"],
    ids=["too deep", "half of a character", "no JSON value"],
)
def test_an_answer_with_values_that_no_record_can_have_is_refused(data: str) -> None:
    for member in ("Data", "PhysicalResourceId"):
        body = f'{{"Status": "SUCCESS", "PhysicalResourceId": "p", "{member}": {{"A": {data}}}}}'
        if member == "PhysicalResourceId":
            body = f'{{"Status": "SUCCESS", "PhysicalResourceId": {data}}}'
        assert judged(body, REQUEST).failure == "Invalid response: the response is not valid JSON."


def test_a_number_too_large_for_a_record_is_a_text() -> None:
    body = '{"Status": "SUCCESS", "PhysicalResourceId": "p", "Data": {"A": %s}}' % ("9" * 40)
    assert judged(body, REQUEST).data == {"A": "9" * 40}


def test_a_deletion_needs_no_physical_id() -> None:
    assert judged('{"Status": "SUCCESS"}', {**REQUEST, "RequestType": "Delete"}).failure == ""


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ({}, ResourceSignals(1, 300)),
        ({"Count": 0}, ResourceSignals(0, 300)),
        ({"Count": "3", "Timeout": "PT1H2M3S"}, ResourceSignals(3, 3723)),
        ({"Timeout": "PT13H"}, None),
        ({"Timeout": "5M"}, None),
        ({"Count": "many"}, None),
    ],
)
def test_creation_policies(signal: dict[str, Any], expected: ResourceSignals | None) -> None:
    policy = {"ResourceSignal": signal}
    if expected is None:
        with pytest.raises(AwsError):
            resource_signals_of("A", policy)
    else:
        assert resource_signals_of("A", policy) == expected


def test_stack_policies() -> None:
    allow = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "NotResource": "LogicalResourceId/Db"}
    deny = {
        "Effect": "Deny",
        "Action": ["Update:Replace"],
        "Principal": "*",
        "Resource": "*",
        "Condition": {"StringLike": {"ResourceType": ["AWS::SQS::*"]}},
    }
    policy = json.dumps({"Statement": [allow, deny]})
    check_policy(policy)
    assert denial("", REPLACE, "A", "AWS::SQS::Queue") is None
    assert denial(policy, MODIFY, "A", "AWS::SQS::Queue") is None
    assert denial(policy, REPLACE, "A", "AWS::SNS::Topic") is None
    assert "Statement [#2]" in (denial(policy, REPLACE, "A", "AWS::SQS::Queue") or "")
    assert denial(policy, MODIFY, "Db", "AWS::SNS::Topic") is not None
