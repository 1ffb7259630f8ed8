"""Checks filter policies: one pattern engine reads them and event patterns; SNS adds limits of its own.

https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
"""

from __future__ import annotations

from nightbus.bus.errors import InvalidPattern
from nightbus.bus.patterns import parse_pattern
from nightbus.bus.patterns.rule import Branch
from nightbus.messaging.topic import LONGEST_POLICY
from nightbus.services.sns.errors import invalid
from nightbus.services.sns.values import json_object

_MOST_KEYS = 5
_MOST_COMBINATIONS = 150


def check_filter_policy(text: str, by_body: bool) -> None:
    """`{}` lets everything through. Raises AwsError."""
    if len(text.encode()) > LONGEST_POLICY:
        raise invalid("FilterPolicy: Filter policy is too long")
    policy = json_object("FilterPolicy", text)
    if not policy:
        return
    if len(policy) > _MOST_KEYS:
        raise invalid(f"FilterPolicy: Filter policy can not have more than {_MOST_KEYS} keys")
    if not by_body and any(isinstance(value, dict) for value in policy.values()):
        raise invalid(
            "FilterPolicy: Filter policy scope MessageAttributes does not support nested filter policy"
        )
    try:
        pattern = parse_pattern(text, LONGEST_POLICY)
    except InvalidPattern as broken:
        raise invalid(f"FilterPolicy: {broken.reason}") from broken
    if sum(_combinations(branch, by_body) for branch in pattern.branches) > _MOST_COMBINATIONS:
        raise invalid("FilterPolicy: Filter policy is too complex")


def _combinations(branch: Branch, by_body: bool) -> int:
    """In a body, a value counts once for each level that it is nested in."""
    total = 1
    for field in branch:
        total *= len(field.matchers) * (field.path.count(".") + 1 if by_body else 1)
    return total
