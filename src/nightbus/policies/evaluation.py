"""Decides whether a principal may do an action on a resource, by all policies that apply. Pure.

How `decide` decides, in this order:

1. A Deny of any policy that applies refuses.
2. An AWS service and an anonymous caller need an Allow of the resource's policy. Nothing else limits them.
3. A caller of another account than the resource's needs an Allow of the resource's policy, and of its own policies.
4. A caller of the resource's own account needs an Allow of its own policies, or of the resource's policy. The latter
   is enough if it names the user or the session, or everybody. If it names the session's role, the boundary and the
   session policies must allow the action as well. If it names the account, it leaves the decision to the account's
   own policies. A role's trust policy and a key's policy must allow the action in any case.
5. A grant of a key that names the user or the role is enough in every account; one that names an account leaves the
   decision to the account's own policies.

A caller's own policies allow an action if one of the identity policies, the boundary, and one of the session policies
allow it, as far as there are any. An account's root has no identity policies that limit it. Sources:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic-cross-account.html
https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
Across accounts: https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nightbus.policies.decision import Decision, Effect, PolicyKind
from nightbus.policies.document import DENIED, Policy
from nightbus.policies.principals import Grant
from nightbus.policies.request import AccessRequest

_ALLOWED = Decision(Effect.ALLOW)
_ROOT = re.compile(r"arn:[\w-]+:iam::\d+:root")
_RESOURCE = PolicyKind.RESOURCE
_NAMES = {kind: kind.value for kind in PolicyKind}
_DENYING = {
    PolicyKind.IDENTITY: "with an explicit deny in an identity-based policy",
    PolicyKind.RESOURCE: "with an explicit deny in a resource-based policy",
    PolicyKind.BOUNDARY: "with an explicit deny in a permissions boundary",
    PolicyKind.SESSION: "with an explicit deny in a session policy",
    PolicyKind.TRUST: "with an explicit deny in the role trust policy",
}
_DENIALS = {kind: Decision(Effect.EXPLICIT_DENY, kind, reason) for kind, reason in _DENYING.items()}
# What the root of the owner's account may do whatever the resource's policy denies, so that it can mend the policy:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/root-user-tasks.html
_MENDING = frozenset(
    {
        "s3:deletebucketpolicy", "s3:getbucketpolicy", "s3:putbucketpolicy",
        "sqs:getqueueattributes", "sqs:removepermission", "sqs:setqueueattributes",
        "sns:gettopicattributes", "sns:removepermission", "sns:settopicattributes",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of a request. `identity` is None for a principal without limits: an account's root, or an
    administrator; `session` is None for a session without session policies."""

    identity: tuple[Policy, ...] | None = ()
    boundary: Policy | None = None
    session: tuple[Policy, ...] | None = None
    resource: Policy | None = None

    def __iter__(self) -> Iterator[Policy]:
        yield from self.identity or ()
        if self.boundary is not None:
            yield self.boundary
        yield from self.session or ()
        if self.resource is not None:
            yield self.resource
            if self.resource.grants is not None:
                yield self.resource.grants


def decide(request: AccessRequest, policies: Policies, owner: str) -> Decision:
    """Return the decision on a request. `owner` is the account of the resource.

    A refusal has the kind of policy that is missing or that denies, and AWS's reason; verdicts come from `explain`.
    """
    action, resource = request.action.lower(), policies.resource
    kind = _RESOURCE if resource is None else resource.kind
    granted = 0 if resource is None else resource.judge(request, action)
    if granted == DENIED:
        if not _may_mend(request, action, owner):
            return _DENIALS[kind]
        granted = 0
    by_grant = 0 if resource is None or resource.grants is None else resource.grants.judge(request, action)
    if not request.arn:
        return _ALLOWED if granted or by_grant else _missing(request, kind)
    denied, missing = _of_caller(request, policies, action)
    if denied is not None:
        return _DENIALS[denied]
    if not granted and not by_grant and _needs_resource(request, resource, action, owner):
        return _missing(request, kind)
    if missing is None or (
        request.account == owner and _is_enough(granted, missing, policies, request, action)
    ):
        return _ALLOWED
    if by_grant and _is_enough(by_grant, missing, policies, request, action):
        return _ALLOWED
    return _missing(request, missing)


def _may_mend(request: AccessRequest, action: str, owner: str) -> bool:
    return action in _MENDING and request.account == owner and _ROOT.fullmatch(request.arn) is not None


def _needs_resource(request: AccessRequest, resource: Policy | None, action: str, owner: str) -> bool:
    """Return whether the resource's policy must allow the request, whatever the caller's own policies say."""
    if request.account != owner:
        return True
    return resource is not None and (resource.kind is PolicyKind.TRUST or action.startswith("kms:"))


def _of_caller(
    request: AccessRequest, policies: Policies, action: str
) -> tuple[PolicyKind | None, PolicyKind | None]:
    """Return which of the caller's own policies deny the request, and which kind does not allow it."""
    missing: PolicyKind | None = None
    if policies.session is not None:
        granted = _judge(policies.session, request, action)
        if granted == DENIED:
            return PolicyKind.SESSION, None
        if not granted:
            missing = PolicyKind.SESSION
    if policies.boundary is not None:
        granted = policies.boundary.judge(request, action)
        if granted == DENIED:
            return PolicyKind.BOUNDARY, None
        if not granted:
            missing = PolicyKind.BOUNDARY
    if policies.identity is not None:
        granted = _judge(policies.identity, request, action)
        if granted == DENIED:
            return PolicyKind.IDENTITY, None
        if not granted:
            missing = PolicyKind.IDENTITY
    return None, missing


def _judge(policies: tuple[Policy, ...], request: AccessRequest, action: str) -> int:
    """Return DENIED if one of the policies denies the request, else whether one allows it."""
    best = 0
    for policy in policies:
        granted = policy.judge(request, action)
        if granted == DENIED:
            return DENIED
        best = best or granted
    return best


def _is_enough(
    granted: int, missing: PolicyKind, policies: Policies, request: AccessRequest, action: str
) -> bool:
    """Return whether the Allow of the resource's policy is enough although the caller's own policies do not allow."""
    if granted != Grant.ROLE:
        return granted == Grant.DIRECT
    return (
        missing is PolicyKind.IDENTITY
        and (policies.boundary is None or policies.boundary.judge(request, action) > 0)
        and (policies.session is None or _judge(policies.session, request, action) > 0)
    )


def _missing(request: AccessRequest, kind: PolicyKind) -> Decision:
    return Decision(
        Effect.IMPLICIT_DENY, kind, f"because no {_NAMES[kind]} allows the {request.action} action"
    )


def explain(request: AccessRequest, policies: Policies, owner: str) -> Decision:
    """Return the same decision, with the verdict of every policy."""
    decision = decide(request, policies, owner)
    verdicts = tuple(policy.verdict(request) for policy in policies)
    return Decision(decision.effect, decision.kind, decision.reason, verdicts)


def refusal_text(request: AccessRequest, decision: Decision) -> str:
    """Return AWS's text of the refusal. Source:
    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    S3 quotes the resource, and names none for an action without resources:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/troubleshoot-403-errors.html
    """
    principal = request.arn or request.service or "anonymous"
    resource = f" on resource: {request.resource}"
    if request.action.startswith("s3:"):
        resource = "" if request.resource == "*" else f' on resource: "{request.resource}"'
    return f"User: {principal} is not authorized to perform: {request.action}{resource} {decision.reason}"


def smallest_statement(request: AccessRequest) -> dict[str, Any]:
    """Return the smallest statement of an identity policy that would allow the request."""
    return {"Effect": "Allow", "Action": request.action, "Resource": request.resource}
