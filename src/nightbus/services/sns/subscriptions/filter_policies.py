"""Validates filter policies. The engine of event patterns parses them; SNS adds limits of its own.

https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
"""

from __future__ import annotations

from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns import parse_pattern
from nightbus.bus.patterns.rule import Branch
from nightbus.messaging.topic import LONGEST_POLICY
from nightbus.services.sns.errors import bad_parameter
from nightbus.services.sns.json_values import json_object

_MOST_KEYS = 5
_MOST_COMBINATIONS = 150


def check_filter_policy(text: str, by_body: bool) -> None:
    """Raise AwsError unless the policy is valid. `{}` matches everything."""
    if len(text.encode()) > LONGEST_POLICY:
        raise bad_parameter("FilterPolicy: Filter policy is too long")
    policy = json_object("FilterPolicy", text)
    if not policy:
        return
    if len(policy) > _MOST_KEYS:
        raise bad_parameter(f"FilterPolicy: Filter policy can not have more than {_MOST_KEYS} keys")
    if not by_body and any(isinstance(value, dict) for value in policy.values()):
        raise bad_parameter(
            "FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy"
        )
    try:
        pattern = parse_pattern(text, LONGEST_POLICY)
    except InvalidPattern as broken:
        raise bad_parameter(f"FilterPolicy: {broken.placed_reason}") from broken
    if sum(_combinations(branch, by_body) for branch in pattern.branches) > _MOST_COMBINATIONS:
        raise bad_parameter("FilterPolicy: Filter policy is too complex")


def _combinations(branch: Branch, by_body: bool) -> int:
    """Count the combinations of values. In a policy for bodies a value counts once for each of its levels."""
    total = 1
    for field in branch:
        total *= len(field.matchers) * (field.path.count(".") + 1 if by_body else 1)
    return total
