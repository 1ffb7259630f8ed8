"""Shows the settings of a trail as the operations of CloudTrail do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.arn import last_part
from nightbus.aws.calls import Scope
from nightbus.services.cloudtrail.records import trail_arn
from nightbus.services.cloudtrail.selectors import has_own_selectors

_TEXTS = {
    "prefix": "S3KeyPrefix",
    "topic": "SnsTopicARN",
    "group": "CloudWatchLogsLogGroupArn",
    "role": "CloudWatchLogsRoleArn",
    "kms": "KmsKeyId",
}


def settings_of(scope: Scope, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what CreateTrail and UpdateTrail answer."""
    settings = {
        "Name": value["name"],
        "S3BucketName": value["bucket"],
        "IncludeGlobalServiceEvents": value["global"],
        "IsMultiRegionTrail": value["multi"],
        "TrailARN": trail_arn(scope, value["name"]),
        "LogFileValidationEnabled": value.get("validation", False),
        "IsOrganizationTrail": False,
    }
    settings |= {member: value[key] for key, member in _TEXTS.items() if value.get(key)}
    return settings | ({"SnsTopicName": last_part(value["topic"])} if value.get("topic") else {})


def shown(scope: Scope, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return what GetTrail and DescribeTrails show."""
    return settings_of(scope, value) | {
        "HomeRegion": scope.region,
        "HasCustomEventSelectors": has_own_selectors(value),
        "HasInsightSelectors": False,
    }
