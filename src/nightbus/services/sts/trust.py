"""Decides whether a role's trust policy lets a caller assume the role."""

from __future__ import annotations

from nightbus.aws.calls import Caller
from nightbus.policies.callers import refusal, request_by
from nightbus.policies.decision import PolicyKind
from nightbus.policies.document import compiled_policy
from nightbus.policies.principals import account_of

ASSUME = "sts:AssumeRole"


def trusts(
    document: str, role_arn: str, caller: Caller, external_id: str | None, action: str = ASSUME
) -> bool:
    """Return whether the trust policy, a JSON text, lets the caller do the action on the role.

    `external_id` is the call's ExternalId, None without one.
    """
    policy = compiled_policy(document, PolicyKind.TRUST, role_arn)
    request = request_by(caller, action, role_arn, {"sts:externalid": external_id or ""})
    return not refusal(policy, request, account_of(role_arn))
