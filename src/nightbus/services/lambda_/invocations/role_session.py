"""Makes the caller of a function's own requests: a session of the function's role with the function's name."""

from __future__ import annotations

from nightbus.aws.calls import Caller

PRINCIPAL = "lambda.amazonaws.com"


def role_session(account: str, role_arn: str, function: str) -> Caller:
    """`account` is the function's, which is its role's too."""
    return Caller.in_role(role_arn, function, PRINCIPAL)
