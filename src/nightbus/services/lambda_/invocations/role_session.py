"""Makes the caller of what Lambda does for a function: a session of the function's role with the function's name."""

from __future__ import annotations

from nightbus.aws.calls import Caller

PRINCIPAL = "lambda.amazonaws.com"


def role_session(role_arn: str, function_arn: str) -> Caller:
    """`function_arn` has no qualifier; the role's trust policy may name it as `aws:SourceArn`."""
    return Caller.in_role(role_arn, function_arn.rsplit(":", 1)[-1], PRINCIPAL, function_arn)
