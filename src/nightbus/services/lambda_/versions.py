"""Publishes and lists versions: copies of $LATEST that never change."""

from __future__ import annotations

from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import invalid_parameter_value, wrong_revision
from nightbus.services.lambda_.lifecycle.states import STATE_MEMBERS, published, require_settled
from nightbus.services.lambda_.names import LATEST, FunctionRef, function_ref
from nightbus.services.lambda_.records import (
    FUNCTION,
    VERSION,
    Version,
    blob_changes,
    blob_owner,
    qualified_key,
    require_function,
    version_of,
)
from nightbus.services.lambda_.settings.environment_variables import are_equal, shown, with_variables
from nightbus.services.lambda_.shapes import configuration, paged
from nightbus.store.interface import Change, PutRecord

_OF_THE_COPY = STATE_MEMBERS | {"FunctionArn", "Version", "RevisionId", "LastModified", "Description"}
_COMPARED_ALONE = _OF_THE_COPY | {"Environment"}


def publication(
    ref: FunctionRef, value: dict[str, Any], description: str | None = None
) -> tuple[Version, list[Change]]:
    """Return the next version of a function, and the changes that store it.

    It increases the count in `value`, the value of the function's record, which must be stored in the same commit.
    """
    latest: Version = value["latest"]
    number = str(value["last_version"] + 1)
    value["last_version"] += 1
    config = published(latest["config"]) | {
        "FunctionArn": f"{ref.arn}:{number}",
        "Version": number,
        "RevisionId": new_uuid(),
    }
    if description is not None:
        config["Description"] = description
    version = Version(
        config=config, digest=latest["digest"], unzipped=latest["unzipped"], layers=latest["layers"]
    )
    put = PutRecord(ref.scope, VERSION, qualified_key(ref.name, number), dict(version), expect=0)
    return version, [put, *blob_changes(blob_owner(ref, number), None, version)]


async def _is_unchanged(ctx: Context, latest: Version, last: Version) -> bool:
    def compared(version: Version) -> dict[str, Any]:
        members = {name: value for name, value in version["config"].items() if name not in _COMPARED_ALONE}
        return members | {"SnapStart": version["config"]["SnapStart"]["ApplyOn"]}

    same = compared(latest) == compared(last)
    return same and await are_equal(ctx.platform, latest["config"], last["config"])


async def publish_version(
    ctx: Context,
    *,
    function_name: str,
    code_sha256: str | None = None,
    description: str | None = None,
    revision_id: str | None = None,
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    record = await require_function(ctx, ref)
    latest: Version = record.value["latest"]
    current = latest["config"]["CodeSha256"]
    if revision_id and revision_id != latest["config"]["RevisionId"]:
        raise wrong_revision()
    require_settled(latest["config"], ref.arn)
    if code_sha256 and code_sha256 != current:
        raise invalid_parameter_value(
            f"CodeSHA256 ({code_sha256}) is different from current CodeSHA256 in $LATEST ({current}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    last = await _last_published(ctx, ref, record.value["last_version"])
    if last is not None and await _is_unchanged(ctx, latest, last):
        return await shown(ctx, last)
    version, changes = publication(ref, record.value, description)
    put = PutRecord(ref.scope, FUNCTION, ref.name, record.value, expect=record.revision)
    await ctx.store.commit(put, *changes)
    return await shown(ctx, version)


async def _last_published(ctx: Context, ref: FunctionRef, number: int) -> Version | None:
    record = await ctx.store.get(ref.scope, VERSION, qualified_key(ref.name, str(number)))
    if record is None:
        return None
    function = await require_function(ctx, ref)
    return await version_of(ctx.store, ref, function, str(number))


async def list_versions_by_function(
    ctx: Context, *, function_name: str, marker: str | None = None, max_items: int | None = None
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    function = await require_function(ctx, ref)
    versions = [(f"{ref.name}:", configuration(function.value["latest"], LATEST))]
    published = await ctx.store.list(ref.scope, VERSION, prefix=f"{ref.name}:")
    versions += [(record.key, record.value["config"]) for record in published]
    page_items, token = paged(versions, marker, max_items)
    return {"Versions": [await with_variables(ctx, one) for one in page_items], "NextMarker": token}
