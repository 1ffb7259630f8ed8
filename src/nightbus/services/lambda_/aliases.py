"""Creates, changes, lists and deletes aliases: names for one version, or for two versions with weights."""

from __future__ import annotations

from typing import Any

from nightbus.aws.ids import new_uuid
from nightbus.services.context import Context
from nightbus.services.lambda_.errors import conflict, invalid_parameter_value, not_found, wrong_revision
from nightbus.services.lambda_.function_urls.records import deletion as url_deletion
from nightbus.services.lambda_.names import LATEST, FunctionRef, function_ref
from nightbus.services.lambda_.records import (
    ALIAS,
    FUNCTION_URL,
    OF_A_QUALIFIER,
    function_requirements,
    qualified_key,
    require_function,
    version_of,
)
from nightbus.services.lambda_.shapes import paged
from nightbus.store.interface import Change, DeleteRecord, PutRecord, Record


def versions_of_alias(alias: dict[str, Any], count: int) -> dict[str, int]:
    """Return how many of `count` environments each version of the alias gets by its weight."""
    shares = {str(version): int(count * weight) for version, weight in alias["weights"].items()}
    return {str(alias["FunctionVersion"]): count - sum(shares.values())} | shares


def chosen_version(alias: dict[str, Any], roll: float) -> str:
    """Return the version that an invocation of the alias runs. `roll` is a random number from [0, 1)."""
    for version, weight in sorted(alias["weights"].items()):
        if roll < weight:
            return str(version)
        roll -= weight
    return str(alias["FunctionVersion"])


async def create_alias(
    ctx: Context,
    *,
    function_name: str,
    name: str,
    function_version: str,
    description: str = "",
    routing_config: dict[str, Any] | None = None,
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    await _require_target(ctx, ref, function_version)
    value: dict[str, Any] = {
        "FunctionVersion": function_version,
        "Description": description,
        "weights": _weights(routing_config, function_version),
        "RevisionId": new_uuid(),
    }
    for version in value["weights"]:
        await _require_target(ctx, ref, version)
    key = qualified_key(ref.name, name)
    if await ctx.store.get(ref.scope, ALIAS, key) is not None:
        raise conflict(f"Alias already exists: {ref.arn}:{name}")
    await ctx.store.commit(
        *await function_requirements(ctx, ref), PutRecord(ref.scope, ALIAS, key, value, expect=0)
    )
    return _described(ref, name, value)


async def get_alias(ctx: Context, *, function_name: str, name: str) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    return _described(ref, name, (await _require(ctx, ref, name)).value)


async def update_alias(
    ctx: Context,
    *,
    function_name: str,
    name: str,
    function_version: str | None = None,
    description: str | None = None,
    routing_config: dict[str, Any] | None = None,
    revision_id: str | None = None,
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    record = await _require(ctx, ref, name)
    value = record.value
    if revision_id and revision_id != value["RevisionId"]:
        raise wrong_revision()
    if function_version is not None:
        await _require_target(ctx, ref, function_version)
        value["FunctionVersion"] = function_version
    if description is not None:
        value["Description"] = description
    if routing_config is not None:
        value["weights"] = _weights(routing_config, value["FunctionVersion"])
    if value["weights"]:
        value["weights"] = _weights({"AdditionalVersionWeights": value["weights"]}, value["FunctionVersion"])
        for version in value["weights"]:
            await _require_target(ctx, ref, version)
    value["RevisionId"] = new_uuid()
    await ctx.store.commit(PutRecord(ref.scope, ALIAS, record.key, value, expect=record.revision))
    return _described(ref, name, value)


async def delete_alias(ctx: Context, *, function_name: str, name: str) -> None:
    """Delete the alias with its policy, its URL and its settings of asynchronous invocation."""
    ref = function_ref(ctx.scope, function_name)
    await require_function(ctx, ref)
    key = qualified_key(ref.name, name)
    changes: list[Change] = [DeleteRecord(ref.scope, kind, key) for kind in (ALIAS, *OF_A_QUALIFIER)]
    url = await ctx.store.get(ref.scope, FUNCTION_URL, key)
    await ctx.store.commit(*changes, *(url_deletion(ref.scope, url) if url is not None else ()))


async def list_aliases(
    ctx: Context,
    *,
    function_name: str,
    function_version: str | None = None,
    marker: str | None = None,
    max_items: int | None = None,
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    await require_function(ctx, ref)
    aliases = []
    for record in await ctx.store.list(ref.scope, ALIAS, prefix=f"{ref.name}:"):
        if function_version in (None, record.value["FunctionVersion"], *record.value["weights"]):
            name = record.key.partition(":")[2]
            aliases.append((record.key, _described(ref, name, record.value)))
    page_items, token = paged(aliases, marker, max_items)
    return {"Aliases": page_items, "NextMarker": token}


def _weights(routing: dict[str, Any] | None, version: str) -> dict[str, float]:
    weights: dict[str, float] = dict((routing or {}).get("AdditionalVersionWeights") or {})
    if len(weights) > 1:
        raise invalid_parameter_value("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if weights and version == LATEST:
        raise invalid_parameter_value("$LATEST is not supported for an alias pointing to more than 1 version")
    if version in weights:
        raise invalid_parameter_value(
            f"Invalid function version {version}. The version is already the alias's own."
        )
    return weights


async def _require_target(ctx: Context, ref: FunctionRef, version: str) -> None:
    await version_of(ctx.store, ref, await require_function(ctx, ref), version)


async def _require(ctx: Context, ref: FunctionRef, name: str) -> Record:
    await require_function(ctx, ref)
    record = await ctx.store.get(ref.scope, ALIAS, qualified_key(ref.name, name))
    if record is None:
        raise not_found(f"Cannot find alias arn: {ref.arn}:{name}")
    return record


def _described(ref: FunctionRef, name: str, value: dict[str, Any]) -> dict[str, Any]:
    described = {
        "AliasArn": f"{ref.arn}:{name}",
        "Name": name,
        "FunctionVersion": value["FunctionVersion"],
        "Description": value["Description"],
        "RevisionId": value["RevisionId"],
    }
    if value["weights"]:
        described["RoutingConfig"] = {"AdditionalVersionWeights": value["weights"]}
    return described
