"""Cloud Control by boto3: what `sam list endpoints` asks it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_refusals import refusal


def test_a_function_without_a_url(client: Callable[..., Any]) -> None:
    arn = "arn:aws:lambda:us-east-1:000000000000:function:none"
    told = refusal(client("cloudcontrol").get_resource, TypeName="AWS::Lambda::Url", Identifier=arn)
    assert told == (
        "ResourceNotFoundException",
        400,
        f"Resource of type 'AWS::Lambda::Url' with identifier '{arn}' was not found.",
    )


def test_other_types(client: Callable[..., Any]) -> None:
    get = client("cloudcontrol").get_resource
    code, _, message = refusal(get, TypeName="AWS::EC2::Instance", Identifier="b")
    assert code == "UnsupportedActionException"
    assert message == "Resource type AWS::EC2::Instance does not support READ action"
    code, _, message = refusal(get, TypeName="My::Own::Type", Identifier="b")
    assert (code, message) == ("TypeNotFoundException", "The type 'My::Own::Type' cannot be found.")
