"""Creates, describes, lists and deletes functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.services.context import Context
from nightbus.services.lambda_.access.roles import check_role
from nightbus.services.lambda_.access.sending_rights import check_sending
from nightbus.services.lambda_.code.links import code_link
from nightbus.services.lambda_.code.packages import check_total, take_package
from nightbus.services.lambda_.errors import conflict, invalid_parameter_value
from nightbus.services.lambda_.function_urls.records import deletion as url_deletion
from nightbus.services.lambda_.layers.versions import layers_in_use
from nightbus.services.lambda_.lifecycle.progress import wait_until_prepared
from nightbus.services.lambda_.lifecycle.states import creating
from nightbus.services.lambda_.names import LATEST, FunctionRef, function_ref
from nightbus.services.lambda_.records import (
    ALIAS,
    FUNCTION,
    FUNCTION_URL,
    OF_A_FUNCTION,
    OF_A_QUALIFIER,
    POLICY,
    VERSION,
    Version,
    as_version,
    blob_changes,
    blob_owner,
    blobs_held,
    change_of_blobs,
    qualified_key,
    require_function,
    require_version,
    versions_of,
)
from nightbus.services.lambda_.settings.configuration import configured, defaults
from nightbus.services.lambda_.settings.encryption_key import check_key
from nightbus.services.lambda_.settings.environment_variables import sealed, shown, with_variables
from nightbus.services.lambda_.shapes import configuration, layer_list, paged, touched
from nightbus.services.lambda_.versions import publication
from nightbus.store.interface import Change, DeleteRecord, PutRecord

_OPERATION = "CreateFunction"
_LOOK_SECONDS = 0.25  # waiters look again after a second or five; most functions are ready sooner


async def create_function(
    ctx: Context,
    *,
    function_name: str,
    role: str,
    code: dict[str, Any],
    runtime: str | None = None,
    handler: str | None = None,
    description: str | None = None,
    timeout: int | None = None,  # noqa: ASYNC109 - the function's
    memory_size: int | None = None,
    publish: bool = False,
    vpc_config: dict[str, Any] | None = None,
    package_type: str | None = None,
    dead_letter_config: dict[str, Any] | None = None,
    environment: dict[str, Any] | None = None,
    kms_key_arn: str | None = None,
    tracing_config: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
    layers: list[str] | None = None,
    file_system_configs: list[Any] | None = None,
    architectures: list[str] | None = None,
    ephemeral_storage: dict[str, Any] | None = None,
    snap_start: dict[str, Any] | None = None,
    logging_config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    changes = {
        "Role": role,
        "Runtime": runtime,
        "Handler": handler,
        "Description": description,
        "Timeout": timeout,
        "MemorySize": memory_size,
        "VpcConfig": vpc_config,
        "PackageType": package_type,
        "DeadLetterConfig": dead_letter_config,
        "Environment": environment,
        "KMSKeyArn": kms_key_arn,
        "TracingConfig": tracing_config,
        "FileSystemConfigs": file_system_configs,
        "Architectures": architectures,
        "EphemeralStorage": ephemeral_storage,
        "SnapStart": snap_start,
        "LoggingConfig": logging_config,
    }
    config = configured(defaults(ref.name, ref.arn), changes, _OPERATION)
    if runtime is None or handler is None:
        raise invalid_parameter_value(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    if await ctx.store.get(ref.scope, FUNCTION, ref.name) is not None:
        raise _exists(ref)
    await check_role(ctx, role, ref.arn)
    if "DeadLetterConfig" in config:
        await check_sending(ctx, role, ref.arn, config["DeadLetterConfig"]["TargetArn"])
    await check_key(ctx, kms_key_arn)
    config = await sealed(ctx.platform, config)
    latest = await _first_version(ctx, config, code, layers or [])
    return await _create_record(ctx, ref, latest, tags or {}, publish)


async def _first_version(
    ctx: Context, config: dict[str, Any], code: Mapping[str, Any], layers: list[str]
) -> Version:
    used = await layers_in_use(ctx, layers)
    package = await take_package(ctx, code, _OPERATION)
    check_total(package.unzipped, used)
    config = touched(config | {"CodeSize": package.size, "CodeSha256": package.sha256}, ctx.now_ms())
    config = creating(config)
    if used:
        config["Layers"] = layer_list(used)
    return Version(config=config, digest=package.digest, unzipped=package.unzipped, layers=used)


async def _create_record(
    ctx: Context, ref: FunctionRef, latest: Version, tags: dict[str, str], publish: bool
) -> dict[str, Any]:
    value: dict[str, Any] = {"latest": latest, "last_version": 0, "tags": tags, "reserved": None}
    changes: list[Change] = []
    version = latest
    if publish:
        version, more = publication(ref, value)
        changes += more
    changes.append(PutRecord(ref.scope, FUNCTION, ref.name, value, expect=0))
    await ctx.store.commit(*changes, *blob_changes(blob_owner(ref, LATEST), None, latest))
    return await shown(ctx, version)


def _exists(ref: FunctionRef) -> AwsError:
    return conflict(f"Function already exist: {ref.name}")


async def get_function(ctx: Context, *, function_name: str, qualifier: str | None = None) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name, qualifier)
    await wait_until_prepared(ctx.platform, ref.scope, ref.name, _LOOK_SECONDS)
    function, version = await require_version(ctx, ref)
    reply: dict[str, Any] = {
        "Configuration": await shown(ctx, version, ref.qualifier),
        "Code": {"RepositoryType": "S3", "Location": await code_link(ctx, version["digest"])},
    }
    if function.value["tags"]:
        reply["Tags"] = function.value["tags"]
    if function.value["reserved"] is not None:
        reply["Concurrency"] = {"ReservedConcurrentExecutions": function.value["reserved"]}
    return reply


async def get_function_configuration(
    ctx: Context, *, function_name: str, qualifier: str | None = None
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name, qualifier)
    await wait_until_prepared(ctx.platform, ref.scope, ref.name, _LOOK_SECONDS)
    _, version = await require_version(ctx, ref)
    return await shown(ctx, version, ref.qualifier)


async def list_functions(
    ctx: Context,
    *,
    function_version: str | None = None,
    marker: str | None = None,
    max_items: int | None = None,
) -> dict[str, Any]:
    configurations: list[tuple[str, dict[str, Any]]] = []
    for record in await ctx.store.list(ctx.scope, FUNCTION):
        qualifier = LATEST if function_version == "ALL" else ""
        configurations.append((f"{record.key}:", configuration(record.value["latest"], qualifier)))
    if function_version == "ALL":
        versions = await ctx.store.list(ctx.scope, VERSION)
        configurations += [(record.key, record.value["config"]) for record in versions]
    page_items, token = paged(sorted(configurations, key=lambda item: item[0]), marker, max_items)
    return {"Functions": [await with_variables(ctx, one) for one in page_items], "NextMarker": token}


async def delete_function(
    ctx: Context, *, function_name: str, qualifier: str | None = None
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name, qualifier)
    if ref.qualifier:
        await _delete_version(ctx, ref)
    else:
        await _delete_all(ctx, ref)
    ctx.platform.specs.forget(ref.scope, ref.name)
    await ctx.platform.functions.retire(ref.scope, ref.name, ref.qualifier)
    return {"StatusCode": 204}


async def _delete_all(ctx: Context, ref: FunctionRef) -> None:
    function = await require_function(ctx, ref)
    changes: list[Change] = [DeleteRecord(ref.scope, FUNCTION, ref.name, expect=function.revision)]
    changes += change_of_blobs(blob_owner(ref, LATEST), blobs_held(function.value), set())
    for record in await versions_of(ctx.store, ref.scope, ref.name):
        owner = blob_owner(ref, record.value["config"]["Version"])
        changes += blob_changes(owner, as_version(record.value), None)
    keys = {(POLICY, qualified_key(ref.name, ""))}  # also without a policy, which memory knows as absent
    for kind in OF_A_FUNCTION:
        keys |= {(kind, one.key) for one in await ctx.store.list(ref.scope, kind, prefix=f"{ref.name}:")}
    changes += [DeleteRecord(ref.scope, kind, key) for kind, key in sorted(keys)]
    for record in await ctx.store.list(ref.scope, FUNCTION_URL, prefix=f"{ref.name}:"):
        changes += url_deletion(ref.scope, record)
    await ctx.store.commit(*changes)


async def _delete_version(ctx: Context, ref: FunctionRef) -> None:
    if ref.qualifier == LATEST:
        raise invalid_parameter_value("$LATEST version cannot be deleted without deleting the function.")
    if not ref.qualifier.isdigit():
        raise invalid_parameter_value("Deletion of aliases is not currently supported.")
    await require_function(ctx, ref)
    key = qualified_key(ref.name, ref.qualifier)
    record = await ctx.store.get(ref.scope, VERSION, key)
    if record is None:
        return  # as on AWS, deleting a function that does not exist succeeds
    for alias in await ctx.store.list(ref.scope, ALIAS, prefix=f"{ref.name}:"):
        if ref.qualifier in (alias.value["FunctionVersion"], *alias.value["weights"]):
            alias_name = alias.key.partition(":")[2]
            raise conflict(f"Version {ref.qualifier} is currently referenced by alias {alias_name}.")
    changes: list[Change] = [DeleteRecord(ref.scope, kind, key) for kind in (VERSION, *OF_A_QUALIFIER)]
    owner = blob_owner(ref, ref.qualifier)
    await ctx.store.commit(*changes, *blob_changes(owner, as_version(record.value), None))
