"""Says whether this node can deliver to a rule's target at all, for PutTargets and for the plan of a stack."""

from __future__ import annotations

from collections.abc import Mapping

from nightbus.aws.errors import AwsError, unsupported
from nightbus.delivery.forwarding.kinds import kind_of
from nightbus.delivery.forwarding.settings import missing
from nightbus.delivery.targets import target_of

_OF_DESTINATIONS = "arn:aws:s3:"  # targets of functions' destinations, and of no rule


def unreachable(arn: str, forwards: Mapping[str, str]) -> AwsError | None:
    """Why not, or None. `arn` is one; `forwards`: where the services are that are not part of Nightbus."""
    if target_of({"Arn": arn}) is None or arn.startswith(_OF_DESTINATIONS):
        return unsupported(f"The target {arn}")
    kind = kind_of(arn)
    if kind is not None and kind.setting not in forwards:
        return AwsError("NotImplementedException", missing(arn, kind.setting, forwards), 501)
    return None
