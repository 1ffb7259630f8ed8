"""Finds targets of a template's rules that this node cannot reach, when changes are planned and before any is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError
from nightbus.delivery.reachable import unreachable


def unreachable_target(
    type_name: str, properties: Mapping[str, Any], forwards: Mapping[str, str]
) -> AwsError | None:
    """Return the error for a target that the node cannot reach, None if all are reachable.

    A value that is not an ARN is left to PutTargets, which refuses it with AWS's text. `forwards` are the node's
    settings of services that it forwards to.
    """
    if type_name != "AWS::Events::Rule":
        return None
    problems = (unreachable(arn, forwards) for arn in target_arns(properties.get("Targets")))
    return next((problem for problem in problems if problem is not None), None)


def target_arns(targets: Any) -> Iterator[str]:
    """Yield the ARNs of a rule's targets that are known and have an ARN's form."""
    for target in targets if isinstance(targets, list) else ():
        arn = target.get("Arn") if isinstance(target, Mapping) else None
        if isinstance(arn, str) and _has_arn_form(arn):
            yield arn


def _has_arn_form(arn: str) -> bool:
    try:
        Arn.parse(arn)
    except ValueError:
        return False
    return True
