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
    code, _, message = refusal(get, TypeName="AWS::S3::Bucket", Identifier="b")
    assert code == "UnsupportedActionException"
    assert message == "Resource type AWS::S3::Bucket does not support READ action"
    code, _, message = refusal(get, TypeName="My::Own::Type", Identifier="b")
    assert (code, message) == ("TypeNotFoundException", "The type 'My::Own::Type' cannot be found.")


def test_other_operations_are_named(client: Callable[..., Any]) -> None:
    code, status, message = refusal(client("cloudcontrol").list_resources, TypeName="AWS::S3::Bucket")
    assert (code, status) == ("NotImplementedException", 501)
    assert "cloudcontrol:ListResources" in message
