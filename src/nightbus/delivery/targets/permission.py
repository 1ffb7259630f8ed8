"""Checks the policies that let a rule reach its queue or topic; a target's role of the same account needs none.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
"""

from __future__ import annotations

from typing import Any

from nightbus.aws.calls import Caller
from nightbus.delivery.buses import SERVICE, caller_for_rule
from nightbus.messaging.access import Access


def sender(account: str, rule_arn: str, target: dict[str, Any]) -> Caller:
    """Return who sends to the target of a rule: the target's role, or EventBridge."""
    return caller_for_rule(account, rule_arn, target.get("RoleArn"))


def may(access: Access, action: str, account: str, rule_arn: str, target: dict[str, Any]) -> bool:
    """`account` is the rule's."""
    role = target.get("RoleArn")
    if not role:
        return access.admits(SERVICE, rule_arn, action)
    return access.is_open_to(account) or not access.refusal(caller_for_rule(account, rule_arn, role), action)
