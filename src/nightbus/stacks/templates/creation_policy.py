"""Reads CreationPolicy: how many signals a resource waits for, and how long. Pure.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-creationpolicy.html
Of the types that may have one, Nightbus has AWS::CloudFormation::WaitCondition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nightbus.stacks.templates.expressions import function_of
from nightbus.stacks.templates.syntax import format_error

WAIT_CONDITION = "AWS::CloudFormation::WaitCondition"
_TYPES = frozenset(
    {
        "AWS::AppStream::Fleet", "AWS::AutoScaling::AutoScalingGroup", "AWS::CloudFormation::WaitCondition",
        "AWS::EC2::Instance",
    }
)  # fmt: skip
_DURATION = re.compile(r"PT(?=\d)(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?")
_DEFAULT_SECONDS = 300
_LONGEST_SECONDS = 43_200


@dataclass(frozen=True)
class ResourceSignals:
    count: int = 1
    seconds: int = _DEFAULT_SECONDS


def check_creation_policy(name: str, resource: Mapping[str, Any]) -> None:
    """Raise AwsError for a policy that is malformed, or that the resource's type cannot have."""
    policy = resource.get("CreationPolicy")
    kind = resource["Type"]
    if policy is None:
        if kind == WAIT_CONDITION and "Handle" not in (resource.get("Properties") or {}):
            raise format_error(
                f"Wait condition {name} must have a Handle and a Timeout, or a CreationPolicy."
            )
        return
    if kind not in _TYPES:
        raise format_error(f"CreationPolicy attribute is not supported for resource type {kind} ({name}).")
    if not isinstance(policy, dict) or not isinstance(policy.get("ResourceSignal", {}), dict):
        raise format_error(f"CreationPolicy of resource {name} is malformed.")
    unknown = set(policy) - {"AutoScalingCreationPolicy", "ResourceSignal", "StartFleet"}
    if unknown:
        raise format_error(
            f"Encountered unsupported property {min(unknown)} in the CreationPolicy of {name}."
        )
    values = policy.get("ResourceSignal", {}).values()
    if not any(isinstance(value, dict) and function_of(value) for value in values):
        resource_signals_of(name, policy)


def resource_signals_of(name: str, policy: Mapping[str, Any]) -> ResourceSignals:
    """Return what the policy, with all its values known, waits for. Raises AwsError."""
    declared = policy.get("ResourceSignal") or {}
    text = str(declared.get("Count", 1))
    duration = _DURATION.fullmatch(str(declared.get("Timeout", "PT5M")))
    if not re.fullmatch(r"[0-9]{1,6}", text) or duration is None:
        raise format_error(f"CreationPolicy of resource {name} has an invalid Count or Timeout.")
    hours, minutes, seconds = (int(part or 0) for part in duration.groups())
    whole = hours * 3600 + minutes * 60 + seconds
    if whole > _LONGEST_SECONDS:
        raise format_error(f"Timeout in the CreationPolicy of resource {name} must not exceed 12 hours.")
    return ResourceSignals(int(text), whole)
