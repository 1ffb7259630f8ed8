"""Has a stack's rule a target that this node cannot reach? Told when changes are planned, before anything is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.errors import AwsError
from nightbus.delivery.reachable import unreachable


def refusal(type_name: str, properties: Mapping[str, Any], forwards: Mapping[str, str]) -> AwsError | None:
    """What is no ARN is left to PutTargets, which has AWS's words for it."""
    if type_name != "AWS::Events::Rule":
        return None
    found = (unreachable(arn, forwards) for arn in _arns(properties.get("Targets")))
    return next((problem for problem in found if problem is not None), None)


def _arns(targets: Any) -> Iterator[str]:
    for target in targets if isinstance(targets, list) else ():
        arn = target.get("Arn") if isinstance(target, Mapping) else None
        if isinstance(arn, str) and _is_whole(arn):
            yield arn


def _is_whole(arn: str) -> bool:
    try:
        Arn.parse(arn)
    except ValueError:
        return False
    return True
