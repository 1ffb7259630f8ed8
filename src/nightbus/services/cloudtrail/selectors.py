"""Keeps the event selectors of trails, basic and advanced, and says which records a trail is to deliver by them.

Data events are recorded while a trail that is logging has a selector for them, or always with the setting
`audit_data_events`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError, unsupported
from nightbus.services.cloudtrail.advanced_selectors import DATA_TYPES, check_advanced, selects, wanted_types
from nightbus.services.cloudtrail.records import PRINCIPAL, change_trail, find_trail, trail_arn
from nightbus.services.context import Context

DEFAULT_SELECTORS: list[dict[str, Any]] = [
    {
        "ReadWriteType": "All",
        "IncludeManagementEvents": True,
        "DataResources": [],
        "ExcludeManagementEventSources": [],
    }
]
_MOST_SELECTORS = 5
_MOST_DATA_RESOURCES = 250
_BASIC_TYPES = ("AWS::S3::Object", "AWS::Lambda::Function")
_EXCLUDABLE = ("kms.amazonaws.com", "rdsdata.amazonaws.com")
_GLOBAL = ("iam.amazonaws.com", "sts.amazonaws.com")


async def put_event_selectors(
    ctx: Context,
    *,
    trail_name: str,
    event_selectors: Sequence[Mapping[str, Any]] = (),
    advanced_event_selectors: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Selectors of one form replace those of the other."""
    if event_selectors and advanced_event_selectors:
        raise _invalid("Use either EventSelectors or AdvancedEventSelectors, not both.")
    if advanced_event_selectors:
        check_advanced(advanced_event_selectors)
        change: dict[str, Any] = {
            "selectors": [],
            "advanced": [dict(one) for one in advanced_event_selectors],
        }
    else:
        change = {"selectors": _checked(event_selectors), "advanced": []}
    value = await change_trail(ctx, trail_name, lambda value: value.update(change))
    return {"TrailARN": trail_arn(ctx.scope, value["name"]), **_shown(value)}


async def get_event_selectors(ctx: Context, *, trail_name: str) -> dict[str, Any]:
    scope, record = await find_trail(ctx, trail_name)
    return {"TrailARN": trail_arn(scope, record.key), **_shown(record.value)}


async def get_insight_selectors(ctx: Context, *, trail_name: str) -> dict[str, Any]:
    """Nothing computes insights here, so no trail has selectors for them. Raises AwsError."""
    _, record = await find_trail(ctx, trail_name)
    text = f"Trail {record.key} does not have Insights enabled. Edit the trail settings to enable Insights, and then"
    raise AwsError("InsightNotEnabledException", f"{text} try the operation again.")


def has_own_selectors(value: Mapping[str, Any]) -> bool:
    return bool(value.get("advanced")) or value["selectors"] != DEFAULT_SELECTORS


def data_services(value: Mapping[str, Any]) -> set[str]:
    """Return the services, by botocore's names, of which a trail with this value wants data events."""
    basic = [one["Type"] for selector in value["selectors"] for one in selector["DataResources"]]
    return {DATA_TYPES[kind] for kind in (*basic, *wanted_types(value.get("advanced", ())))}


def is_wanted(record: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    """Return whether a trail with this value delivers the record.

    What CloudTrail itself calls to deliver is not recorded in log files, which would never end.
    """
    if record["userIdentity"].get("invokedBy") == PRINCIPAL:
        return False
    if not value["global"] and record["eventSource"] in _GLOBAL:
        return False
    if value.get("advanced"):
        return any(selects(one, record) for one in value["advanced"])
    return any(_selects(one, record) for one in value["selectors"])


def _shown(value: Mapping[str, Any]) -> dict[str, Any]:
    if value.get("advanced"):
        return {"AdvancedEventSelectors": value["advanced"]}
    return {"EventSelectors": value["selectors"]}


def _checked(event_selectors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    if not 1 <= len(event_selectors) <= _MOST_SELECTORS:
        raise _invalid(f"A trail must have between 1 and {_MOST_SELECTORS} event selectors.")
    selectors = [{**DEFAULT_SELECTORS[0], **one} for one in event_selectors]
    resources = [one for selector in selectors for one in selector["DataResources"]]
    if sum(len(one.get("Values") or ()) for one in resources) > _MOST_DATA_RESOURCES:
        raise _invalid(f"A trail cannot have more than {_MOST_DATA_RESOURCES} data resources.")
    for one in resources:
        if one.get("Type") not in _BASIC_TYPES:
            raise unsupported(f"The data resource type {one.get('Type')}")
    if any(
        one not in _EXCLUDABLE for selector in selectors for one in selector["ExcludeManagementEventSources"]
    ):
        raise _invalid(f"ExcludeManagementEventSources can be {' and '.join(_EXCLUDABLE)}.")
    return selectors


def _selects(selector: Mapping[str, Any], record: Mapping[str, Any]) -> bool:
    kind = selector["ReadWriteType"]
    if kind != "All" and record["readOnly"] is not (kind == "ReadOnly"):
        return False
    if record["managementEvent"]:
        excluded = record["eventSource"] in selector["ExcludeManagementEventSources"]
        return bool(selector["IncludeManagementEvents"]) and not excluded
    wanted = [(one["Type"], tuple(one.get("Values") or ())) for one in selector["DataResources"]]
    return any(
        resource.get("type") == type_name and resource["ARN"].startswith(values)
        for resource in record.get("resources", ())
        for type_name, values in wanted
    )


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidEventSelectorsException", text)
