"""Leaves policies out of a simulation, by type, by ARN or by the name of an inline policy. Pure.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_PolicyIdentifier.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nightbus.aws.wildcards import compiled
from nightbus.services.iam.errors import invalid_input
from nightbus.services.iam.policy_sources import HeldPolicy

_ONE_OF = ("PolicyType", "PolicyArn", "InlinePolicyIdentifier")


def without(exclusions: Sequence[Mapping[str, Any]], held: Iterable[HeldPolicy]) -> list[HeldPolicy]:
    """Return the policies that no identifier means. Raises AwsError InvalidInput for an invalid identifier."""
    for one in exclusions:
        if len([name for name in _ONE_OF if one.get(name)]) != 1:
            raise invalid_input(f"A policy identifier must have exactly one of {', '.join(_ONE_OF)}.")
        _check_arn(one.get("PolicyArn") or "arn:aws:iam::aws:policy/x")
    return [policy for policy in held if not any(_means(one, policy) for one in exclusions)]


def _check_arn(arn: str) -> None:
    """Wildcards are allowed in the resource's name only: one star, and any number of question marks."""
    parts = arn.split(":", 5)
    is_policy = len(parts) == 6 and parts[0] == "arn" and parts[2] == "iam" and parts[5].startswith("policy/")
    if not is_policy or any(mark in one for one in parts[:5] for mark in "*?") or arn.count("*") > 1:
        raise invalid_input(f"Invalid policy ARN: {arn}")


def _means(identifier: Mapping[str, Any], policy: HeldPolicy) -> bool:
    if type := identifier.get("PolicyType"):
        return policy.type == type or (type == "inline" and not policy.arn)
    if arn := identifier.get("PolicyArn"):
        return bool(policy.arn) and bool(compiled(arn)(policy.arn))
    inline = identifier["InlinePolicyIdentifier"]
    return (
        not policy.arn
        and policy.name == inline["PolicyName"]
        and policy.holder.kind.noun == inline["AttachmentType"]
        and bool(compiled(inline["AttachmentName"])(policy.holder.name))
    )
