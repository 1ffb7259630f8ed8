"""Publishes, lists and deletes layers, whose numbered versions never change."""

from __future__ import annotations

import re
from typing import Any

from nightbus.aws.calls import Scope
from nightbus.services.context import Context
from nightbus.services.lambda_.code.links import code_link
from nightbus.services.lambda_.code.packages import take_package
from nightbus.services.lambda_.errors import invalid_parameter_value, no_resource
from nightbus.services.lambda_.layers.permission import require_layer_permission
from nightbus.services.lambda_.records import LAYER, LAYER_POLICY, LAYER_VERSION, LayerUse, qualified_key
from nightbus.services.lambda_.shapes import last_modified_text, paged
from nightbus.store.interface import DeleteRecord, KeepBlob, PutRecord, Record, ReleaseBlob

_MOST_LAYERS = 5
LAYER_ARN = re.compile(r"arn:[a-z-]+:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]+)(?::([0-9]{1,18}))?")


async def layers_in_use(ctx: Context, arns: list[str]) -> list[LayerUse]:
    """Return what a function's record has of its layer versions. Raises AwsError if one does not exist."""
    if len(arns) > _MOST_LAYERS:
        raise invalid_parameter_value(f"You cannot reference more than {_MOST_LAYERS} layers.")
    used: list[LayerUse] = []
    for text in arns:
        number = text.rpartition(":")[2]
        base = text.removesuffix(f":{number}")
        other_versions = [one["arn"] for one in used if one["arn"].rpartition(":")[0] == base]
        if other_versions:
            raise invalid_parameter_value(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{other_versions[0]} and {text} are versions of the same layer."
            )
        record = await usable_layer_version(ctx, text)
        if record is None:
            raise invalid_parameter_value(f"Layer version {text} does not exist.")
        layer = record.value
        used.append(
            LayerUse(arn=text, size=layer["size"], unzipped=layer["unzipped"], digest=layer["digest"])
        )
    return used


async def publish_layer_version(
    ctx: Context,
    *,
    layer_name: str,
    content: dict[str, Any],
    description: str = "",
    compatible_architectures: list[str] | None = None,
    compatible_runtimes: list[str] | None = None,
    license_info: str | None = None,
) -> dict[str, Any]:
    name = _name_in_scope(ctx, layer_name)
    package = await take_package(ctx, content, "PublishLayerVersion")
    record = await ctx.store.get(ctx.scope, LAYER, name)
    number = record.value["last_version"] + 1 if record else 1
    arn = f"{ctx.arn('lambda', f'layer:{name}')}:{number}"
    value = {
        "LayerVersionArn": arn,
        "Version": number,
        "Description": description,
        "CreatedDate": last_modified_text(ctx.now_ms()),
        "CompatibleArchitectures": compatible_architectures,
        "CompatibleRuntimes": compatible_runtimes,
        "LicenseInfo": license_info,
    }
    value = {
        "shown": value,
        "size": package.size,
        "unzipped": package.unzipped,
        "digest": package.digest,
        "sha256": package.sha256,
    }
    revision = record.revision if record else 0
    await ctx.store.commit(
        PutRecord(ctx.scope, LAYER, name, {"last_version": number}, expect=revision),
        PutRecord(ctx.scope, LAYER_VERSION, qualified_key(name, str(number)), value, expect=0),
        KeepBlob(package.digest, f"lambda/{arn}"),
    )
    return await _described(ctx, value)


async def get_layer_version(ctx: Context, *, layer_name: str, version_number: int) -> dict[str, Any]:
    record = await require_layer_version(ctx, layer_name, version_number)
    return await _described(ctx, record.value)


async def get_layer_version_by_arn(ctx: Context, *, arn: str) -> dict[str, Any]:
    match = LAYER_ARN.fullmatch(arn)
    if match is None or match[4] is None:
        raise invalid_parameter_value(f"Invalid layer version ARN: {arn}")
    record = await usable_layer_version(ctx, arn)
    if record is None:
        raise no_resource()
    return await _described(ctx, record.value)


async def delete_layer_version(ctx: Context, *, layer_name: str, version_number: int) -> None:
    """Delete a layer version. Functions that use it still work, because they are owners of its blob too."""
    name = _name_in_scope(ctx, layer_name)
    key = qualified_key(name, str(version_number))
    record = await ctx.store.get(ctx.scope, LAYER_VERSION, key)
    if record is not None:
        owner = f"lambda/{record.value['shown']['LayerVersionArn']}"
        await ctx.store.commit(
            DeleteRecord(ctx.scope, LAYER_VERSION, key),
            DeleteRecord(ctx.scope, LAYER_POLICY, key),
            ReleaseBlob(record.value["digest"], owner),
        )


async def list_layer_versions(
    ctx: Context,
    *,
    layer_name: str,
    compatible_architecture: str | None = None,
    compatible_runtime: str | None = None,
    marker: str | None = None,
    max_items: int | None = None,
) -> dict[str, Any]:
    """List the versions of a layer, the newest first."""
    name = _name_in_scope(ctx, layer_name)
    records = await ctx.store.list(ctx.scope, LAYER_VERSION, prefix=f"{name}:")
    versions = [
        (f"{10**10 - record.value['shown']['Version']:011d}", record.value["shown"])
        for record in reversed(records)
        if _is_compatible(record, compatible_architecture, compatible_runtime)
    ]
    page_items, token = paged(versions, marker, max_items)
    return {"LayerVersions": page_items, "NextMarker": token}


async def list_layers(
    ctx: Context,
    *,
    compatible_architecture: str | None = None,
    compatible_runtime: str | None = None,
    marker: str | None = None,
    max_items: int | None = None,
) -> dict[str, Any]:
    latest: dict[str, dict[str, Any]] = {}
    for record in await ctx.store.list(ctx.scope, LAYER_VERSION):
        if _is_compatible(record, compatible_architecture, compatible_runtime):
            latest[record.key.partition(":")[0]] = record.value["shown"]
    layers = [
        (
            name,
            {
                "LayerName": name,
                "LayerArn": ctx.arn("lambda", f"layer:{name}"),
                "LatestMatchingVersion": layer_version,
            },
        )
        for name, layer_version in sorted(latest.items())
    ]
    page_items, token = paged(layers, marker, max_items)
    return {"Layers": page_items, "NextMarker": token}


async def require_layer_version(ctx: Context, layer_name: str, version_number: int) -> Record:
    """Return a layer version of the caller's own. Raises AwsError ResourceNotFoundException."""
    name = _name_in_scope(ctx, layer_name)
    record = await ctx.store.get(ctx.scope, LAYER_VERSION, qualified_key(name, str(version_number)))
    if record is None:
        raise no_resource()
    return record


async def usable_layer_version(ctx: Context, arn: str) -> Record | None:
    """Return a layer version of the call's region, None if it does not exist.

    Raises AwsError if it is of another account, and its policy does not let the caller's account use it."""
    match = LAYER_ARN.fullmatch(arn)
    if match is None or match[4] is None or match[1] != ctx.region:
        return None
    owner, key = Scope(match[2], match[1]), qualified_key(match[3], match[4])
    if owner != ctx.scope:
        await require_layer_permission(ctx, owner, key, arn)
    return await ctx.store.get(owner, LAYER_VERSION, key)


def _name_in_scope(ctx: Context, text: str) -> str:
    """Return the layer's name from a name or an ARN. Raises AwsError for another account's or region's ARN."""
    match = LAYER_ARN.fullmatch(text)
    if match is None:
        return text
    if (match[2], match[1]) != ctx.scope:
        raise no_resource()
    return match[3]


def _is_compatible(record: Record, architecture: str | None, runtime: str | None) -> bool:
    layer_version = record.value["shown"]
    for required, compatible in (
        (architecture, layer_version["CompatibleArchitectures"]),
        (runtime, layer_version["CompatibleRuntimes"]),
    ):
        if required is not None and required not in (compatible or ()):
            return False
    return True


async def _described(ctx: Context, value: dict[str, Any]) -> dict[str, Any]:
    content = {
        "Location": await code_link(ctx, value["digest"]),
        "CodeSha256": value["sha256"],
        "CodeSize": value["size"],
    }
    arn = value["shown"]["LayerVersionArn"].rpartition(":")[0]
    return {"Content": content, "LayerArn": arn, **value["shown"]}
