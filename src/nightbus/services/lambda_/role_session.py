"""Makes the caller as which Lambda asks other services: a session of the function's role, named after it."""

from __future__ import annotations

from nightbus.aws.calls import Caller


def role_session(account: str, role_arn: str, function: str) -> Caller:
    role = role_arn.rsplit("/", 1)[-1]
    return Caller(account, f"arn:aws:sts::{account}:assumed-role/{role}/{function}", "")
