"""Checks that Lambda may assume a function's role: when the function gets it, and by each invocation.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
"""

from __future__ import annotations

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError
from nightbus.services.context import Context, Platform
from nightbus.services.lambda_.errors import invalid_parameter_value
from nightbus.services.lambda_.invocations.role_session import PRINCIPAL
from nightbus.services.lambda_.names import FunctionRef
from nightbus.services.service_roles import may_assume

_CANNOT = "The role defined for the function cannot be assumed by Lambda."


async def check_role(ctx: Context, role_arn: str, function_arn: str) -> None:
    """Raise AwsError if the role does not exist or Lambda cannot assume it."""
    arn = Arn.parse(role_arn)
    if arn.account != ctx.account:
        raise AwsError("AccessDeniedException", "Cross-account pass role is not allowed.", 403)
    if not arn.resource.startswith("role/") or not await may_assume(ctx, role_arn, PRINCIPAL, function_arn):
        raise invalid_parameter_value(_CANNOT)


async def role_in_use(platform: Platform, ref: FunctionRef, role_arn: str, request_id: str = "") -> str:
    """Return the unique id of the function's role, "" where every role counts. `request_id` is the invocation's.

    Raises AwsError if the role does not exist any more or does not trust Lambda.
    """
    authorizer = platform.authorizer
    if authorizer is None:
        return ""
    role_id = await authorizer.assumed(role_arn, PRINCIPAL, ref.arn, request_id, "lambda:Invoke")
    if role_id is None:
        raise AwsError("AccessDeniedException", _CANNOT, 403)
    return role_id
