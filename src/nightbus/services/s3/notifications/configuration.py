"""Puts and gets the notification configuration of a bucket.

A configuration is checked whole before it is stored: event names, filters, overlaps, and whether each destination
admits S3. The test messages that queues and topics then get are jobs in the commit that stores it.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketNotificationConfiguration.html
"""

from __future__ import annotations

import base64
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.aws.ids import new_uuid
from nightbus.services.context import Context
from nightbus.services.s3.notifications.destinations import check_arn, check_destinations
from nightbus.services.s3.notifications.filters import (
    DESTINATIONS,
    EVENT_TYPES,
    Destination,
    KeyFilter,
    destinations_of,
    share_event,
)
from nightbus.services.s3.notifications.jobs import notification_job
from nightbus.services.s3.notifications.object_events import test_event
from nightbus.services.s3.records import BUCKET, find_bucket
from nightbus.store.interface import SYSTEM, PutRecord, Record

_MOST = 100
_LONGEST_FILTER = 1024  # bytes


async def put_bucket_notification_configuration(
    ctx: Context,
    *,
    bucket: str,
    notification_configuration: dict[str, Any],
    skip_destination_validation: bool = False,
    expected_bucket_owner: str | None = None,
) -> None:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    configuration = checked(notification_configuration, record)
    destinations = list(destinations_of(configuration))
    if not skip_destination_validation:
        await check_destinations(ctx, record, destinations)
    value = {**record.value, "Notification": configuration}
    if not configuration:
        del value["Notification"]
    tests = [] if skip_destination_validation else list(_tests(ctx, record, destinations))
    await ctx.store.commit(PutRecord(SYSTEM, BUCKET, bucket, value, expect=record.revision), *tests)


async def get_bucket_notification_configuration(
    ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None
) -> dict[str, Any]:
    configuration: dict[str, Any] = (await find_bucket(ctx, bucket, expected_bucket_owner)).value.get(
        "Notification", {}
    )
    return configuration


def checked(given: Mapping[str, Any], bucket: Record) -> dict[str, Any]:
    """Return the configuration as it is stored: without empty members, and each part with an id. Raises AwsError."""
    configuration: dict[str, Any] = {}
    for kind, member in DESTINATIONS.items():
        parts = [_checked_part(one) for one in given.get(kind) or ()]
        for one in parts:
            check_arn(one[member], kind, bucket)
        if parts:
            configuration[kind] = parts
    destinations = list(destinations_of(configuration))
    if len(destinations) > _MOST:
        raise _invalid(f"The number of notification configurations exceeds the maximum of {_MOST}.")
    if len({one.id for one in destinations}) < len(destinations):
        raise _invalid("Same ID used for multiple configurations. IDs must be unique")
    for first, second in itertools.combinations(destinations, 2):
        _check_apart(first, second)
    if given.get("EventBridgeConfiguration") is not None:
        configuration["EventBridgeConfiguration"] = {}
    return configuration


def _checked_part(part: Mapping[str, Any]) -> dict[str, Any]:
    if not part.get("Events") or not EVENT_TYPES.issuperset(part["Events"]):
        raise _invalid("A specified event is not supported for notifications.")
    stored = {**part, "Id": part.get("Id") or base64.b64encode(new_uuid().encode()).decode()}
    rules = ((part.get("Filter") or {}).get("Key") or {}).get("FilterRules")
    stored.pop("Filter", None)
    if rules:
        stored["Filter"] = {"Key": {"FilterRules": _checked_rules(rules)}}
    return stored


def _checked_rules(rules: list[Mapping[str, Any]]) -> list[dict[str, str]]:
    by_name: dict[str, str] = {}
    for rule in rules:
        name, value = str(rule.get("Name", "")).lower(), str(rule.get("Value", ""))
        if name not in ("prefix", "suffix"):
            raise _invalid("filter rule name must be either prefix or suffix")
        if name in by_name:
            raise _invalid(f"Cannot specify more than one {name} rule in a filter.")
        if len(value.encode()) > _LONGEST_FILTER:
            raise _invalid("Size of filter rule value cannot exceed 1024 bytes in UTF-8 representation")
        by_name[name] = value
    return [{"Name": name.capitalize(), "Value": value} for name, value in by_name.items()]


def _check_apart(one: Destination, other: Destination) -> None:
    if not share_event(one.events, other.events) or not one.keys.overlaps(other.keys):
        return
    if one.keys == other.keys == KeyFilter():
        text = "Configurations overlap. Configurations on the same bucket cannot share a common event type."
        raise _invalid(text)
    text = (
        "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes"
    )
    raise _invalid(f"{text} are overlapping for the same event type.")


def _tests(ctx: Context, bucket: Record, destinations: list[Destination]) -> Iterator[Any]:
    now = ctx.now_ms()
    for arn in dict.fromkeys(one.arn for one in destinations):
        if arn.split(":")[2] != "lambda":
            yield notification_job(bucket, arn, test_event(bucket, ctx.call.request_id, now), now)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidArgument", message)
