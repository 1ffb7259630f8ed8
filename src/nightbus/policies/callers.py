"""Asks the policy of one resource about a caller, for what is decided without the caller's own policies.

A delivery to a queue, a topic or a bus, the use of a key by a service, and a request to a function's URL are judged
here by the resource's policy. The caller's own policies count as allowing: the operation registry has judged them, or
the caller is an AWS service, which has none.
"""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.calls import Caller
from nightbus.policies.decision import Effect, PolicyKind
from nightbus.policies.document import Policy
from nightbus.policies.evaluation import Policies, decide, refusal_text
from nightbus.policies.principals import account_of
from nightbus.policies.request import NO_KEYS, AccessRequest, Values

NO_STATEMENTS = Policy.of_statements([], PolicyKind.RESOURCE)


def request_by(
    caller: Caller, action: str, resource: str, keys: Mapping[str, Values] = NO_KEYS
) -> AccessRequest:
    """Return the caller's request. A source counts for a service only: a service that uses a role is the role."""
    if caller.is_anonymous:
        return AccessRequest(action, resource, keys=keys)
    if not caller.arn:
        source_account = account_of(caller.source_arn) or caller.account
        return AccessRequest(
            action, resource, "", "", caller.service, caller.source_arn, source_account, keys=keys
        )
    if caller.session is not None and caller.session.role:
        keys = {"aws:principalarn": caller.session.role, **keys}
    return AccessRequest(action, resource, caller.arn, caller.account, caller.service, keys=keys)


def refusal(policy: Policy, request: AccessRequest, owner: str) -> str:
    """Return why the resource's policy does not admit the request, in AWS's words; "" if it does."""
    decision = decide(request, Policies(identity=None, resource=policy), owner)
    return "" if decision.is_allowed else refusal_text(request, decision)


def not_allowed(request: AccessRequest) -> str:
    """Return AWS's text for a request that no statement of the resource's policy allows."""
    return refusal_text(request, decide(request, Policies(), ""))


def is_denied(policy: Policy, request: AccessRequest, owner: str) -> bool:
    """Return whether a statement of the resource's policy denies the request."""
    decision = decide(request, Policies(identity=None, resource=policy), owner)
    return decision.effect is Effect.EXPLICIT_DENY
