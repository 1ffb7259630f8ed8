"""Checks that a role exists and trusts Lambda."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError
from nightbus.policies.conditions import listed
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.request import AccessRequest
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import invalid_parameter_value

_PRINCIPAL = "lambda.amazonaws.com"


async def check_role(ctx: Context, role_arn: str) -> None:
    """Raise AwsError if the role does not exist or Lambda cannot assume it."""
    arn = Arn.parse(role_arn)
    if arn.account != ctx.account:
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    if not arn.resource.startswith("role/"):
        raise _cannot_be_assumed()
    try:
        by_node = replace(ctx.call, trusted=True)
        named = {"RoleName": arn.resource.rsplit("/", 1)[-1]}
        reply = await ctx.platform.operations.call("iam", "GetRole", named, by_node)
    except AwsError as error:
        if error.code not in ("NoSuchEntity", "NoSuchEntityException"):
            raise
        authorizer = ctx.platform.authorizer
        if authorizer is not None and authorizer.unknown_roles:
            return
        raise _cannot_be_assumed() from None
    if reply["Role"]["Arn"] != role_arn:
        raise _cannot_be_assumed()
    document = reply["Role"]["AssumeRolePolicyDocument"]
    if isinstance(document, str):
        document = json.loads(unquote(document))
    if not trusts_lambda(document):
        raise _cannot_be_assumed()


def trusts_lambda(document: Mapping[str, Any]) -> bool:
    """Return whether a trust policy lets the Lambda service assume the role. Statements with conditions are judged when
    the function runs: a Deny with one does not count yet, an Allow with one does."""
    statements = [
        {name: value for name, value in one.items() if name != "Condition"}
        for one in listed(document.get("Statement"))
        if isinstance(one, Mapping) and (one.get("Effect") == "Allow" or "Condition" not in one)
    ]
    request = AccessRequest("sts:AssumeRole", "*", service=_PRINCIPAL)
    return Policy.of_statements(statements, PolicyKind.TRUST).allows(request)


def _cannot_be_assumed() -> AwsError:
    return invalid_parameter_value("The role defined for the function cannot be assumed by Lambda.")
