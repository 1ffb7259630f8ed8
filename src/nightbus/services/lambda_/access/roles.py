"""Checks that a role exists and trusts Lambda."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import invalid_parameter_value

_PRINCIPAL = "lambda.amazonaws.com"
_ACTIONS = frozenset({"sts:assumerole", "sts:*", "*"})


async def check_role(ctx: Context, role_arn: str) -> None:
    """Raise AwsError if the role does not exist or Lambda cannot assume it."""
    arn = Arn.parse(role_arn)
    if arn.account != ctx.account:
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    try:
        reply = await ctx.operation("iam", "GetRole", RoleName=arn.resource.rsplit("/", 1)[-1])
    except AwsError as error:
        if error.code in ("NoSuchEntity", "NoSuchEntityException"):
            raise _cannot_be_assumed() from None
        raise
    document = reply["Role"]["AssumeRolePolicyDocument"]
    if isinstance(document, str):
        document = json.loads(unquote(document))
    if not trusts_lambda(document):
        raise _cannot_be_assumed()


def trusts_lambda(document: Mapping[str, Any]) -> bool:
    """Return whether a trust policy lets the Lambda service assume the role."""
    statements = _listed(document.get("Statement"))
    trusting = [one for one in statements if _is_about_lambda(one)]
    return bool(trusting) and all(one.get("Effect") == "Allow" for one in trusting)


def _is_about_lambda(statement: Mapping[str, Any]) -> bool:
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        names_lambda = _PRINCIPAL in _listed(principal.get("Service")) or "*" in _listed(principal.get("AWS"))
    else:
        names_lambda = principal == "*"
    return names_lambda and any(
        str(action).lower() in _ACTIONS for action in _listed(statement.get("Action"))
    )


def _listed(value: Any) -> Iterable[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _cannot_be_assumed() -> AwsError:
    return invalid_parameter_value("The role defined for the function cannot be assumed by Lambda.")
