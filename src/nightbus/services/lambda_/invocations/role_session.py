"""Makes the caller of a function's own requests: a session of the function's role with the function's name."""

from __future__ import annotations

from nightbus.aws.calls import Caller


def role_session(account: str, role_arn: str, function: str) -> Caller:
    role = role_arn.rsplit("/", 1)[-1]
    return Caller(account, f"arn:aws:sts::{account}:assumed-role/{role}/{function}", "")
