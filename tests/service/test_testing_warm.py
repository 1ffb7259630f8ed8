"""A deployment with `warm` starts an environment of each function before it returns; else nothing runs until then."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from nightbus.testing import Nightbus

CODE = """
import os
print("imported")
if "BROKEN" in os.environ:
    raise RuntimeError("no such table")
def handler(event, context):
    print("invoked")
    return os.environ.get("NAME")
"""


def template(**variables: str) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    logs = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    role = {"AssumeRolePolicyDocument": {"Statement": trust}, "ManagedPolicyArns": [logs]}
    function = {
        "Runtime": f"python3.{sys.version_info.minor}",
        "Handler": "index.handler",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": CODE},
        "Environment": {"Variables": variables},
    }
    return {
        "Resources": {
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
            "Worker": {"Type": "AWS::Lambda::Function", "Properties": function},
        }
    }


def lines(nightbus: Nightbus) -> list[str]:
    return [line for line in nightbus.logs("Worker") if line in ("imported", "invoked")]


def test_a_warm_function_is_imported_once_and_before_its_invocation(nightbus: Nightbus) -> None:
    nightbus.deploy(template(NAME="first"), warm=True)
    assert lines(nightbus) == ["imported"]
    assert nightbus.invoke("Worker") == "first"
    assert lines(nightbus) == ["imported", "invoked"]


def test_an_update_warms_what_it_changes(nightbus: Nightbus) -> None:
    nightbus.deploy(template(NAME="first"))
    assert lines(nightbus) == []
    nightbus.deploy(template(NAME="second"), warm=True)
    assert lines(nightbus) == ["imported"]
    assert nightbus.invoke("Worker") == "second"
    assert lines(nightbus) == ["imported", "invoked"]


def test_what_cannot_be_imported_fails_at_its_invocation(nightbus: Nightbus) -> None:
    nightbus.deploy(template(BROKEN="1"), warm=True)
    with pytest.raises(AssertionError, match="no such table"):
        nightbus.invoke("Worker")


def test_it_ends_with_the_deployment(nightbus: Nightbus) -> None:
    nightbus.deploy(template(NAME="first"), warm=True)
    nightbus.deploy(template(NAME="second"))
    assert lines(nightbus) == ["imported"]
