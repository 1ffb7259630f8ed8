"""Keeps the event selectors of trails, and says which records a trail is to deliver by them.

Data events of objects and functions are recorded with the setting `audit_data_events` only; without it a selector that
asks for them is refused, since it would stay without any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.errors import AwsError, unsupported
from nightbus.services.cloudtrail.records import change_trail, find_trail, trail_arn
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
_TYPES = ("AWS::S3::Object", "AWS::Lambda::Function")
_EXCLUDABLE = ("kms.amazonaws.com", "rdsdata.amazonaws.com")


async def put_event_selectors(
    ctx: Context, *, trail_name: str, event_selectors: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    if not 1 <= len(event_selectors) <= _MOST_SELECTORS:
        raise _invalid(f"A trail must have between 1 and {_MOST_SELECTORS} event selectors.")
    selectors = [{**DEFAULT_SELECTORS[0], **one} for one in event_selectors]
    resources = [one for selector in selectors for one in selector["DataResources"]]
    if sum(len(one.get("Values") or ()) for one in resources) > _MOST_DATA_RESOURCES:
        raise _invalid(f"A trail cannot have more than {_MOST_DATA_RESOURCES} data resources.")
    for one in resources:
        if one.get("Type") not in _TYPES:
            raise unsupported(f"The data resource type {one.get('Type')}")
    trail = ctx.platform.trail
    if resources and (trail is None or not trail.data_events):
        raise unsupported("DataResources without the setting audit_data_events", "are")
    if any(
        one not in _EXCLUDABLE for selector in selectors for one in selector["ExcludeManagementEventSources"]
    ):
        raise _invalid(f"ExcludeManagementEventSources can be {' and '.join(_EXCLUDABLE)}.")
    value = await change_trail(ctx, trail_name, lambda value: value.update(selectors=selectors))
    return {"TrailARN": trail_arn(ctx.scope, value["name"]), "EventSelectors": selectors}


async def get_event_selectors(ctx: Context, *, trail_name: str) -> dict[str, Any]:
    scope, record = await find_trail(ctx, trail_name)
    return {"TrailARN": trail_arn(scope, record.key), "EventSelectors": record.value["selectors"]}


def is_selected(record: Mapping[str, Any], selectors: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a trail with these selectors delivers the record."""
    return any(_selects(one, record) for one in selectors)


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
