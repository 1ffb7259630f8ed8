"""Deletes objects and versions: DeleteObject and DeleteObjects."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import AwsError, not_supported
from nightbus.aws.replies import Reply
from nightbus.policies.request import Need
from nightbus.services.context import Context
from nightbus.services.s3.conditions import check_write
from nightbus.services.s3.errors import malformed_xml
from nightbus.services.s3.locks.retention import check_deletion
from nightbus.services.s3.records import ObjectVersion, bucket_arn, find_bucket, version_id_in_reply
from nightbus.services.s3.version_writes import delete_version
from nightbus.store.interface import Record

_MOST = 1000


async def delete_object(
    ctx: Context,
    *,
    bucket: str,
    key: str,
    version_id: str | None = None,
    if_match: str | None = None,
    bypass_governance_retention: bool = False,
    expected_bucket_owner: str | None = None,
) -> Reply:
    await find_bucket(ctx, bucket, expected_bucket_owner)
    record, affected = await _delete(ctx, bucket, key, version_id, if_match, bypass_governance_retention)
    output: dict[str, Any] = {"VersionId": version_id}
    if affected is not None:
        output["VersionId"] = version_id_in_reply(record, affected.version_id)
        output["DeleteMarker"] = affected.delete_marker or None
    return Reply(output, status=204)


async def delete_objects(
    ctx: Context,
    *,
    bucket: str,
    delete: dict[str, Any],
    expected_bucket_owner: str | None = None,
    checksum_algorithm: str | None = None,
    bypass_governance_retention: bool = False,
) -> dict[str, Any]:
    """Delete each key in a commit of its own. The reply has the errors of single keys beside the deleted ones."""
    found = await find_bucket(ctx, bucket, expected_bucket_owner)
    if not 1 <= len(delete["Objects"]) <= _MOST:
        raise malformed_xml()
    deleted: list[dict[str, Any]] = []
    errors: list[dict[str, Any]] = []
    for entry in delete["Objects"]:
        _refuse_directory_conditions(entry)
        key, version_id = entry["Key"], entry.get("VersionId")
        try:
            await ctx.authorize(*_needs(found, key, version_id, bypass=bypass_governance_retention))
            _, affected = await _delete(
                ctx, bucket, key, version_id, entry.get("ETag"), bypass_governance_retention
            )
        except AwsError as error:
            errors.append({"Key": key, "VersionId": version_id, "Code": error.code, "Message": error.message})
        else:
            result: dict[str, Any] = {"Key": key, "VersionId": version_id}
            if affected is not None and affected.delete_marker:
                result |= {"DeleteMarker": True, "DeleteMarkerVersionId": affected.version_id}
            deleted.append(result)
    return {"Deleted": [] if delete.get("Quiet") else deleted, "Errors": errors}


def _needs(bucket: Record, key: str, version_id: str | None, *, bypass: bool) -> list[Need]:
    """Return what the deletion of one of several objects needs, as DeleteObject does."""
    resource = f"{bucket_arn(bucket)}/{key}"
    versioned = {"s3:versionid": version_id} if version_id else {}
    needed = [Need("s3:DeleteObjectVersion" if version_id else "s3:DeleteObject", resource, versioned)]
    return [*needed, Need("s3:BypassGovernanceRetention", resource)] if bypass else needed


def _refuse_directory_conditions(entry: dict[str, Any]) -> None:
    for name in ("LastModifiedTime", "Size"):
        if entry.get(name) is not None:
            raise not_supported("s3", "DeleteObjects", name)


async def _delete(
    ctx: Context, bucket: str, key: str, version_id: str | None, if_match: str | None, bypass: bool
) -> tuple[Record, ObjectVersion | None]:
    def check(affected: ObjectVersion | None) -> None:
        check_write(affected, key, if_match, None)
        if version_id is not None:
            check_deletion(affected, ctx.now_ms(), bypass=bypass)

    return await delete_version(ctx, bucket, key, version_id, check)
