"""Checks the policies that let a rule reach its queue or topic; a target's role needs its own policies.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Caller
from nightbus.aws.errors import AwsError
from nightbus.delivery.buses import SERVICE, caller_for_rule
from nightbus.delivery.interface import Matched, OpenCommit
from nightbus.delivery.jobs import Failed, Job, TargetContext
from nightbus.delivery.targets.outcomes import failed
from nightbus.messaging.access import Access
from nightbus.policies.request import Need


def sender(account: str, rule_arn: str, target: dict[str, Any]) -> Caller:
    """Return who sends to the target of a rule: the target's role, or EventBridge."""
    return caller_for_rule(account, rule_arn, target.get("RoleArn"))


def may_without_role(access: Access, action: str, rule_arn: str, target: dict[str, Any]) -> bool:
    """Return whether EventBridge itself may; False for a target with a role, of which `may` has to be asked."""
    return not target.get("RoleArn") and access.admits(SERVICE, rule_arn, action)


async def refusal_of_role(job: Job[Any], ctx: TargetContext, action: str, resource: str) -> Failed | None:
    """Return why the target's role may not do what no operation of Nightbus does; None if it may, or there is no role.

    `action` is such as `kinesis:PutRecord`.
    """
    if ctx.authorizer is None or not job.target.get("RoleArn"):
        return None
    try:
        await ctx.authorizer.authorize(action, [Need(action, resource)], ctx.call)
    except AwsError as refused:
        return failed(refused)
    return None


async def may(commit: OpenCommit, access: Access, action: str, arn: str, matched: Matched) -> bool:
    """Return whether the rule's target may do `action` with the resource `arn`, which has the policy `access`."""
    role = matched.target.get("RoleArn")
    if not role:
        return access.admits(SERVICE, matched.rule_arn, action)
    account = matched.scope.account
    if not access.is_open_to(account) and access.refusal(
        caller_for_rule(account, matched.rule_arn, role), action
    ):
        return False
    return await commit.admits(matched, Need(action, arn))
