"""Puts and gets the Object Lock configuration of buckets, and the retention and legal hold of versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.services.context import Context
from nightbus.services.s3.buckets.configuration import save
from nightbus.services.s3.errors import malformed_xml
from nightbus.services.s3.key_versions import find_version, versions_of_key
from nightbus.services.s3.locks.retention import (
    check_new_retention,
    future_ms,
    missing_configuration,
    moment_of,
)
from nightbus.services.s3.records import ObjectVersion, find_bucket, is_versioned, object_kind
from nightbus.services.s3.version_writes import plan_change, require_open_bucket
from nightbus.store.interface import Conflict, Record

_LONGEST_DAYS, _LONGEST_YEARS = 36_500, 100


async def put_object_lock_configuration(
    ctx: Context,
    *,
    bucket: str,
    object_lock_configuration: dict[str, Any] | None = None,
    expected_bucket_owner: str | None = None,
) -> None:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    configuration = object_lock_configuration or {}
    if configuration.get("ObjectLockEnabled") != "Enabled":
        raise malformed_xml()
    rule = configuration.get("Rule")
    if rule is not None:
        _check_default((rule or {}).get("DefaultRetention") or {})
    if not is_versioned(record):
        text = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
        raise AwsError("InvalidBucketState", text, 409)
    await save(ctx, bucket, expected_bucket_owner, {"ObjectLock": configuration})


def _check_default(default: Mapping[str, Any]) -> None:
    if default.get("DefaultEventHold") is not None:
        raise not_supported("s3", "PutObjectLockConfiguration", "DefaultEventHold")
    days, years = default.get("Days"), default.get("Years")
    if "Mode" not in default or (days is None) == (years is None):
        raise malformed_xml()
    if (days or years or 0) <= 0:
        raise AwsError("InvalidArgument", "Default retention period must be a positive integer value.")
    if (days or 0) > _LONGEST_DAYS or (years or 0) > _LONGEST_YEARS:
        raise AwsError("InvalidArgument", "Default retention period too large.")


async def get_object_lock_configuration(
    ctx: Context, *, bucket: str, expected_bucket_owner: str | None = None
) -> dict[str, Any]:
    record = await find_bucket(ctx, bucket, expected_bucket_owner)
    configuration = record.value.get("ObjectLock")
    if configuration is None:
        text = "Object Lock configuration does not exist for this bucket"
        fields = {"BucketName": bucket}
        raise AwsError("ObjectLockConfigurationNotFoundError", text, 404, fields=fields)
    return {"ObjectLockConfiguration": configuration}


async def put_object_retention(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    retention: dict[str, Any] | None = None,
    version_id: str | None = None,
    bypass_governance_retention: bool = False,
    expected_bucket_owner: str | None = None,
) -> None:
    record, version = await _lockable(ctx, bucket, key, version_id, expected_bucket_owner)
    mode, moment = (retention or {}).get("Mode"), (retention or {}).get("RetainUntilDate")
    if (mode is None) != (moment is None):
        raise malformed_xml()
    now = ctx.now_ms()
    until = 0 if moment is None else future_ms(moment, now)
    check_new_retention(version.lock, mode or "", until, now, bypass=bypass_governance_retention)
    lock = {name: value for name, value in version.lock.items() if name == "Hold"}
    if mode is not None:
        lock |= {"Mode": mode, "Until": until}
    await _keep(ctx, record, version, lock)


async def get_object_retention(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    _, version = await _lockable(ctx, bucket, key, version_id, expected_bucket_owner)
    if "Mode" not in version.lock:
        raise _not_locked()
    until = moment_of(version.lock["Until"])
    return {"Retention": {"Mode": version.lock["Mode"], "RetainUntilDate": until}}


async def put_object_legal_hold(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    legal_hold: dict[str, Any] | None = None,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> None:
    record, version = await _lockable(ctx, bucket, key, version_id, expected_bucket_owner)
    status = (legal_hold or {}).get("Status")
    if status is None:
        raise malformed_xml()
    await _keep(ctx, record, version, {**version.lock, "Hold": status == "ON"})


async def get_object_legal_hold(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    expected_bucket_owner: str | None = None,
) -> dict[str, Any]:
    _, version = await _lockable(ctx, bucket, key, version_id, expected_bucket_owner)
    if "Hold" not in version.lock:
        raise _not_locked()
    return {"LegalHold": {"Status": "ON" if version.lock["Hold"] else "OFF"}}


async def _lockable(
    ctx: Context, bucket: str, key: str, version_id: str | None, owner: str | None
) -> tuple[Record, ObjectVersion]:
    """Return the bucket and the version. Raises AwsError for a bucket without Object Lock."""
    record, version = await find_version(ctx, bucket, key, version_id, owner)
    if record.value.get("ObjectLock") is None:
        raise missing_configuration()
    return record, version


async def _keep(ctx: Context, bucket: Record, version: ObjectVersion, lock: dict[str, Any]) -> None:
    history = await versions_of_key(ctx, bucket, version.key)
    if history.find(version.version_id) != version:
        raise Conflict(object_kind(bucket.key), version.key)  # it was changed between the two reads
    changes = plan_change(bucket.key, replace(version, lock=lock), history)
    await ctx.store.commit(require_open_bucket(bucket), *changes)


def _not_locked() -> AwsError:
    text = "The specified object does not have a ObjectLock configuration"
    return AwsError("NoSuchObjectLockConfiguration", text, 404)
