"""The forms that a function URL's identifier may have, by boto3."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_refusals import refusal

URL = "AWS::Lambda::Url"


def test_an_identifier_may_be_an_object(client: Callable[..., Any]) -> None:
    get = client("cloudcontrol").get_resource
    identifier = '{"FunctionArn":"arn:aws:lambda:us-east-1:000000000000:function:none"}'
    code, status, message = refusal(get, TypeName=URL, Identifier=identifier)
    assert (code, status) == ("ResourceNotFoundException", 400)
    assert message == f"Resource of type '{URL}' with identifier '{identifier}' was not found."
    for wrong in ('{"Other":"none"}', '{"FunctionArn"'):
        told = refusal(get, TypeName=URL, Identifier=wrong)
        assert told == ("InvalidRequestException", 400, f"Invalid identifier {wrong}")


def test_a_role_of_another_account_is_refused(client: Callable[..., Any]) -> None:
    role = "arn:aws:iam::111111111111:role/any"
    code, status, _ = refusal(
        client("cloudcontrol").get_resource, TypeName=URL, Identifier='{"FunctionArn":"none"}', RoleArn=role
    )
    assert (code, status) == ("AccessDeniedException", 400)
