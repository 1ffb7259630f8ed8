"""Says what a decision depends on besides the policies, so that the Authorizer can remember it. Pure."""

from __future__ import annotations

from nightbus.aws.calls import Caller
from nightbus.identity.principals import Principal
from nightbus.policies.document import Policy
from nightbus.policies.request import Need, Values

TAG_KEYS = ("resourcetag/", ":existingobjecttag/")  # parts of the keys whose values the store has


def asked_by_service(need: Need, caller: Caller) -> tuple[str, ...]:
    """Return what the decision for an AWS service depends on, besides a policy without further condition keys."""
    return need.action, need.resource, caller.service, caller.source_arn, caller.account


def admission_of(
    principal: Principal, policy: Policy | None, need: Need, caller: Caller, owner: str
) -> tuple[Values, ...] | None:
    """Return what a decision depends on besides the policies; None if that is more than the need itself says.

    The owner is a part of it, since a bucket that is deleted leaves its name to every account.
    """
    named = principal.condition_keys
    if policy is not None and policy.condition_keys:
        named = named | policy.condition_keys
    if not named:
        return need.action, need.resource, caller.arn, owner
    if not named <= need.keys.keys() or any(part in key for key in named for part in TAG_KEYS):
        return None
    return need.action, need.resource, caller.arn, owner, *(need.keys[key] for key in sorted(named))
