"""Changes the code and the configuration of functions, and retires the environments that run the former ones."""

from __future__ import annotations

from typing import Any

from nightbus.aws.errors import not_supported
from nightbus.services.context import Context
from nightbus.services.lambda_.access.roles import check_role
from nightbus.services.lambda_.access.sending_rights import check_sending
from nightbus.services.lambda_.code.packages import check_total, take_package
from nightbus.services.lambda_.errors import wrong_revision
from nightbus.services.lambda_.layers.versions import layers_in_use
from nightbus.services.lambda_.lifecycle.states import require_settled, updating
from nightbus.services.lambda_.names import LATEST, FunctionRef, function_ref
from nightbus.services.lambda_.records import (
    FUNCTION,
    Version,
    blob_owner,
    blobs_held,
    change_of_blobs,
    require_function,
    running_version,
)
from nightbus.services.lambda_.settings.configuration import configured
from nightbus.services.lambda_.settings.encryption_key import check_key
from nightbus.services.lambda_.settings.environment_variables import require_reading, sealed, shown
from nightbus.services.lambda_.shapes import layer_list, touched
from nightbus.services.lambda_.versions import publication
from nightbus.store.interface import Change, PutRecord, Record


async def update_function_code(
    ctx: Context,
    *,
    function_name: str,
    zip_file: bytes | None = None,
    s3_bucket: str | None = None,
    s3_key: str | None = None,
    s3_object_version: str | None = None,
    s3_object_storage_mode: str | None = None,
    architectures: list[str] | None = None,
    publish: bool = False,
    dry_run: bool = False,
    revision_id: str | None = None,
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    record = await _at_revision(ctx, ref, revision_id)
    source = {
        "ZipFile": zip_file,
        "S3Bucket": s3_bucket,
        "S3Key": s3_key,
        "S3ObjectVersion": s3_object_version,
        "S3ObjectStorageMode": s3_object_storage_mode,
    }
    old: Version = record.value["latest"]
    package = await take_package(ctx, source, "UpdateFunctionCode")
    check_total(package.unzipped, old["layers"])
    changes = {"Architectures": architectures}
    config = configured(old["config"], changes, "UpdateFunctionCode")
    config = touched(config | {"CodeSize": package.size, "CodeSha256": package.sha256}, ctx.now_ms())
    new = Version(config=config, digest=package.digest, unzipped=package.unzipped, layers=old["layers"])
    if dry_run:
        return await shown(ctx, new)
    return await _store(ctx, ref, record, new, publish)


async def update_function_configuration(
    ctx: Context,
    *,
    function_name: str,
    role: str | None = None,
    handler: str | None = None,
    description: str | None = None,
    timeout: int | None = None,  # noqa: ASYNC109 - the function's
    memory_size: int | None = None,
    vpc_config: dict[str, Any] | None = None,
    environment: dict[str, Any] | None = None,
    runtime: str | None = None,
    dead_letter_config: dict[str, Any] | None = None,
    kms_key_arn: str | None = None,
    tracing_config: dict[str, Any] | None = None,
    revision_id: str | None = None,
    layers: list[str] | None = None,
    file_system_configs: list[Any] | None = None,
    ephemeral_storage: dict[str, Any] | None = None,
    snap_start: dict[str, Any] | None = None,
    logging_config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    record = await _at_revision(ctx, ref, revision_id)
    changes = {
        "Role": role,
        "Handler": handler,
        "Description": description,
        "Timeout": timeout,
        "MemorySize": memory_size,
        "VpcConfig": vpc_config,
        "Environment": environment,
        "Runtime": runtime,
        "DeadLetterConfig": dead_letter_config,
        "KMSKeyArn": kms_key_arn,
        "TracingConfig": tracing_config,
        "FileSystemConfigs": file_system_configs,
        "EphemeralStorage": ephemeral_storage,
        "SnapStart": snap_start,
        "LoggingConfig": logging_config,
    }
    old: Version = record.value["latest"]
    config = touched(configured(old["config"], changes, "UpdateFunctionConfiguration"), ctx.now_ms())
    if role is not None:
        await check_role(ctx, role, ref.arn)
    if "DeadLetterConfig" in config and (role is not None or dead_letter_config is not None):
        await check_sending(ctx, config["Role"], ref.arn, config["DeadLetterConfig"]["TargetArn"])
    await check_key(ctx, kms_key_arn)
    keeps = (environment or {}).get("Variables") is None
    if keeps and config.get("KMSKeyArn") != old["config"].get("KMSKeyArn"):
        await require_reading(ctx, old["config"])
    config = await sealed(ctx.platform, config, before=old["config"])
    used = old["layers"] if layers is None else await layers_in_use(ctx, layers)
    check_total(old["unzipped"], used)
    config.pop("Layers", None)
    if used:
        config["Layers"] = layer_list(used)
    new = Version(config=config, digest=old["digest"], unzipped=old["unzipped"], layers=used)
    return await _store(ctx, ref, record, new, publish=False)


async def _at_revision(ctx: Context, ref: FunctionRef, revision_id: str | None) -> Record:
    if ref.qualifier not in ("", LATEST):
        raise not_supported("lambda", "UpdateFunction", f"the qualifier {ref.qualifier}")
    record = await require_function(ctx, ref)
    if revision_id and revision_id != record.value["latest"]["config"]["RevisionId"]:
        raise wrong_revision()
    require_settled(record.value["latest"]["config"], ref.arn)
    return record


async def _store(
    ctx: Context, ref: FunctionRef, record: Record, new: Version, publish: bool
) -> dict[str, Any]:
    value = record.value | {"latest": {**new, "config": updating(new["config"])}}
    previous = running_version(record.value)
    if previous["config"]["State"] == "Active":
        value["previous"] = previous
    changes: list[Change] = []
    version: Version = value["latest"]
    if publish:
        version, more = publication(ref, value)
        changes += more
    changes.append(PutRecord(ref.scope, FUNCTION, ref.name, value, expect=record.revision))
    changes += change_of_blobs(blob_owner(ref, LATEST), blobs_held(record.value), blobs_held(value))
    await ctx.store.commit(*changes)
    await ctx.platform.functions.retire(ref.scope, ref.name, LATEST)
    return await shown(ctx, version)
