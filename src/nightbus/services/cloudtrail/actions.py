"""Maps each operation to its IAM action and resource, from the Service Authorization Reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from nightbus.identity.needs import Asked, NeedsOf, needs, passes_role
from nightbus.policies.request import Need


def _trail(asked: Asked) -> str:
    name = asked.text("Name") or asked.text("TrailName") or asked.text("ResourceId")
    return name if name.startswith("arn:") else asked.arn("cloudtrail", f"trail/{name}")


def _tagged_trails(asked: Asked) -> Sequence[Need]:
    return [Need("cloudtrail:ListTags", str(arn)) for arn in asked.params.get("ResourceIdList") or ()]


_role = passes_role("CloudWatchLogsRoleArn", "cloudtrail.amazonaws.com")

ACTIONS: Mapping[str, NeedsOf] = {
    "AddTags": needs("cloudtrail:AddTags", _trail),
    "CreateTrail": needs("cloudtrail:CreateTrail", _trail, _role),
    "DeleteTrail": needs("cloudtrail:DeleteTrail", _trail),
    "DescribeTrails": needs("cloudtrail:DescribeTrails"),
    "GetEventSelectors": needs("cloudtrail:GetEventSelectors", _trail),
    "GetInsightSelectors": needs("cloudtrail:GetInsightSelectors", _trail),
    "GetTrail": needs("cloudtrail:GetTrail", _trail),
    "GetTrailStatus": needs("cloudtrail:GetTrailStatus", _trail),
    "ListPublicKeys": needs("cloudtrail:ListPublicKeys"),
    "ListTags": _tagged_trails,
    "ListTrails": needs("cloudtrail:ListTrails"),
    "LookupEvents": needs("cloudtrail:LookupEvents"),
    "PutEventSelectors": needs("cloudtrail:PutEventSelectors", _trail),
    "RemoveTags": needs("cloudtrail:RemoveTags", _trail),
    "StartLogging": needs("cloudtrail:StartLogging", _trail),
    "StopLogging": needs("cloudtrail:StopLogging", _trail),
    "UpdateTrail": needs("cloudtrail:UpdateTrail", _trail, _role),
}
