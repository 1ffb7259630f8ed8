"""Creates, shows, changes and deletes trails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.aws.errors import AwsError
from nightbus.services.cloudtrail.delivering import deliver
from nightbus.services.cloudtrail.destinations import check_destinations, key_arn, topic_arn
from nightbus.services.cloudtrail.digests import begun_anew
from nightbus.services.cloudtrail.log_ends import ends_of
from nightbus.services.cloudtrail.records import (
    TRAIL_RECORD,
    change_trail,
    check_name,
    find_trail,
    trail_arn,
)
from nightbus.services.cloudtrail.selectors import DEFAULT_SELECTORS
from nightbus.services.cloudtrail.settings import settings_of, shown
from nightbus.services.cloudtrail.tags import checked_tags
from nightbus.services.context import Context
from nightbus.store.interface import DeleteRecord, PutRecord, Record

_MOST_TRAILS = (
    5  # of a Region; https://docs.aws.amazon.com/awscloudtrail/latest/userguide/WhatIsCloudTrail-Limits.html
)
_LONGEST_PREFIX = 200


async def create_trail(
    ctx: Context,
    *,
    name: str,
    s3_bucket_name: str,
    s3_key_prefix: str = "",
    sns_topic_name: str = "",
    include_global_service_events: bool = True,
    is_multi_region_trail: bool = False,
    enable_log_file_validation: bool = False,
    cloud_watch_logs_log_group_arn: str = "",
    cloud_watch_logs_role_arn: str = "",
    kms_key_id: str = "",
    tags_list: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    check_name(name)
    _check_prefix(s3_key_prefix)
    _check_regions(is_multi_region_trail, include_global_service_events)
    value = {
        "name": name,
        "bucket": s3_bucket_name,
        "prefix": s3_key_prefix,
        "topic": topic_arn(ctx.scope, sns_topic_name),
        "global": include_global_service_events,
        "multi": is_multi_region_trail,
        "validation": enable_log_file_validation,
        "group": cloud_watch_logs_log_group_arn,
        "role": cloud_watch_logs_role_arn,
        "kms": await key_arn(ctx, kms_key_id),
        "logging": False,
        "selectors": DEFAULT_SELECTORS,
        "tags": checked_tags(tags_list),
        "positions": {},
    }
    if await ctx.store.get(ctx.scope, TRAIL_RECORD, name) is not None:
        text = f"Trail {name} already exists for customer: {ctx.account}"
        raise AwsError("TrailAlreadyExistsException", text)
    if ctx.platform.quotas and await ctx.store.count_records(ctx.scope, TRAIL_RECORD) >= _MOST_TRAILS:
        text = f"User: {ctx.account} already has {_MOST_TRAILS} trails in {ctx.region}."
        raise AwsError("MaximumNumberOfTrailsExceededException", text)
    await check_destinations(ctx, ctx.scope, {}, value)
    await ctx.store.commit(PutRecord(ctx.scope, TRAIL_RECORD, name, value, expect=0))
    return settings_of(ctx.scope, value)


async def update_trail(
    ctx: Context,
    *,
    name: str,
    s3_bucket_name: str | None = None,
    s3_key_prefix: str | None = None,
    sns_topic_name: str | None = None,
    include_global_service_events: bool | None = None,
    is_multi_region_trail: bool | None = None,
    enable_log_file_validation: bool | None = None,
    cloud_watch_logs_log_group_arn: str | None = None,
    cloud_watch_logs_role_arn: str | None = None,
    kms_key_id: str | None = None,
) -> dict[str, Any]:
    """An empty text takes away the topic, the log group with its role, or the key."""
    scope, record = await find_trail(ctx, name)
    old, now = record.value, ctx.now_ms()
    changes: dict[str, Any] = {
        "bucket": s3_bucket_name,
        "prefix": s3_key_prefix,
        "topic": None if sns_topic_name is None else topic_arn(scope, sns_topic_name),
        "global": include_global_service_events,
        "multi": is_multi_region_trail,
        "validation": enable_log_file_validation,
        "group": cloud_watch_logs_log_group_arn,
        "role": cloud_watch_logs_role_arn,
        "kms": None if kms_key_id is None else await key_arn(ctx, kms_key_id),
    }
    changes = {key: one for key, one in changes.items() if one is not None}
    _check_prefix(s3_key_prefix or "")
    new = {**old, **changes}
    _check_regions(new["multi"], new["global"])
    await check_destinations(ctx, scope, old, new)
    if new.get("group", "") != old.get("group", ""):
        ends = await ends_of(ctx.platform, ctx.account)
        changes |= {"group_since": now, "group_positions": ends, "group_error": ""}
    if old["logging"] and old.get("validation") and not new["validation"]:
        await deliver(ctx.platform, scope, record, ends=True)

    def edit(value: dict[str, Any]) -> None:
        if changes.get("validation", False) and not value.get("validation"):
            value.update(begun_anew(value, now))
        value.update(changes)

    return settings_of(scope, await change_trail(ctx, name, edit))


async def delete_trail(ctx: Context, *, name: str) -> None:
    scope, record = await find_trail(ctx, name)
    if scope.region != ctx.region:
        text = f"The trail can be deleted only in its home Region, {scope.region}."
        raise AwsError("InvalidHomeRegionException", text)
    await ctx.store.commit(DeleteRecord(scope, TRAIL_RECORD, record.key))


async def get_trail(ctx: Context, *, name: str) -> dict[str, Any]:
    scope, record = await find_trail(ctx, name)
    return {"Trail": shown(scope, record.value)}


async def describe_trails(
    ctx: Context, *, trail_name_list: Sequence[str] = (), include_shadow_trails: bool = True
) -> dict[str, Any]:
    """Trails of all Regions are shown in each of them, unless shadows are left out. Unknown names are passed over."""
    if trail_name_list:
        found = []
        for name in trail_name_list:
            try:
                found.append(await find_trail(ctx, name))
            except AwsError as error:
                if error.code != "TrailNotFoundException":
                    raise
        return {"trailList": [shown(scope, record.value) for scope, record in found]}
    trails = await _trails(ctx)
    visible = [
        shown(scope, one.value)
        for scope, one in trails
        if scope == ctx.scope or (include_shadow_trails and one.value["multi"])
    ]
    return {"trailList": visible}


async def list_trails(ctx: Context) -> dict[str, Any]:
    return {
        "Trails": [
            {"TrailARN": trail_arn(scope, one.key), "Name": one.key, "HomeRegion": scope.region}
            for scope, one in await _trails(ctx)
        ]
    }


async def _trails(ctx: Context) -> list[tuple[Scope, Record]]:
    """Return the trails of the account, by Region and name."""
    scopes = sorted(one for one in await ctx.store.scopes(TRAIL_RECORD) if one.account == ctx.account)
    return [(scope, record) for scope in scopes for record in await ctx.store.list(scope, TRAIL_RECORD)]


def _check_prefix(prefix: str) -> None:
    if len(prefix) > _LONGEST_PREFIX:
        text = f"The S3 key prefix must not be longer than {_LONGEST_PREFIX} characters."
        raise AwsError("InvalidS3PrefixException", text)


def _check_regions(is_multi_region: bool, includes_global: bool) -> None:
    if is_multi_region and not includes_global:
        text = "Multi-Region trail must include global service events."
        raise AwsError("InvalidParameterCombinationException", text)
