"""Creates, describes, changes, lists and deletes the URLs of functions and aliases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nightbus.services.context import Context
from nightbus.services.lambda_.errors import conflict, invalid_parameter_value, no_resource
from nightbus.services.lambda_.function_urls.records import (
    BUFFERED,
    creation,
    deletion,
    url_id,
    url_record,
    url_text,
)
from nightbus.services.lambda_.names import FunctionRef, function_ref, is_version
from nightbus.services.lambda_.records import (
    FUNCTION_URL,
    function_requirements,
    require_function,
    require_version,
)
from nightbus.services.lambda_.shapes import paged
from nightbus.store.interface import PutRecord, Record

_METHODS = ("GET", "PUT", "HEAD", "POST", "PATCH", "DELETE", "*")


async def create_function_url_config(
    ctx: Context,
    *,
    function_name: str,
    auth_type: str,
    qualifier: str | None = None,
    cors: dict[str, Any] | None = None,
    invoke_mode: str = BUFFERED,
) -> dict[str, Any]:
    ref = _ref(ctx, function_name, qualifier)
    await require_version(ctx, ref)
    if await url_record(ctx.store, ref) is not None:
        raise conflict(
            f"Failed to create function url config for [functionArn = {ref.qualified_arn}]. "
            "Error message:  FunctionUrlConfig exists for this Lambda function"
        )
    _check_cors(cors)
    now = _timestamp(ctx)
    value = {
        "id": url_id(ctx.platform.vault, ref),
        "AuthType": auth_type,
        "Cors": cors or {},
        "InvokeMode": invoke_mode,
        "CreationTime": now,
        "LastModifiedTime": now,
    }
    await ctx.store.commit(*await function_requirements(ctx, ref), *creation(ref, value))
    described = _described(ctx, ref, value)
    del described["LastModifiedTime"]
    return described


async def get_function_url_config(
    ctx: Context, *, function_name: str, qualifier: str | None = None
) -> dict[str, Any]:
    ref = _ref(ctx, function_name, qualifier)
    return _described(ctx, ref, (await _require(ctx, ref)).value)


async def update_function_url_config(
    ctx: Context,
    *,
    function_name: str,
    qualifier: str | None = None,
    auth_type: str | None = None,
    cors: dict[str, Any] | None = None,
    invoke_mode: str | None = None,
) -> dict[str, Any]:
    """Change the settings that the request has; `Cors` is replaced as a whole, and an empty one takes it away."""
    ref = _ref(ctx, function_name, qualifier)
    record = await _require(ctx, ref)
    _check_cors(cors)
    changes = {"AuthType": auth_type, "Cors": cors, "InvokeMode": invoke_mode}
    value = record.value | {name: one for name, one in changes.items() if one is not None}
    value["LastModifiedTime"] = _timestamp(ctx)
    await ctx.store.commit(PutRecord(ref.scope, FUNCTION_URL, record.key, value, expect=record.revision))
    return _described(ctx, ref, value)


async def delete_function_url_config(
    ctx: Context, *, function_name: str, qualifier: str | None = None
) -> None:
    ref = _ref(ctx, function_name, qualifier)
    await ctx.store.commit(*deletion(ref.scope, await _require(ctx, ref)))


async def list_function_url_configs(
    ctx: Context, *, function_name: str, marker: str | None = None, max_items: int | None = None
) -> dict[str, Any]:
    ref = function_ref(ctx.scope, function_name)
    await require_function(ctx, ref)
    configs = []
    for record in await ctx.store.list(ref.scope, FUNCTION_URL, prefix=f"{ref.name}:"):
        one = FunctionRef(ref.scope, ref.name, record.key.partition(":")[2])
        configs.append((record.key, _described(ctx, one, record.value)))
    page_items, token = paged(configs, marker, max_items)
    return {"FunctionUrlConfigs": page_items, "NextMarker": token}


def _ref(ctx: Context, function_name: str, qualifier: str | None) -> FunctionRef:
    ref = function_ref(ctx.scope, function_name, qualifier)
    if ref.qualifier and is_version(ref.qualifier):
        raise invalid_parameter_value(
            "Function URLs are supported for functions without a qualifier and aliases."
        )
    return ref


async def _require(ctx: Context, ref: FunctionRef) -> Record:
    record = await url_record(ctx.store, ref)
    if record is None:
        raise no_resource()
    return record


def _check_cors(cors: dict[str, Any] | None) -> None:
    for method in (cors or {}).get("AllowMethods") or ():
        if method not in _METHODS:
            raise invalid_parameter_value(
                f"Invalid method {method} in AllowMethods. Valid values: {list(_METHODS)}"
            )


def _timestamp(ctx: Context) -> str:
    now = ctx.now_ms()
    return f"{datetime.fromtimestamp(now / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{now % 1000:03d}Z"


def _described(ctx: Context, ref: FunctionRef, value: dict[str, Any]) -> dict[str, Any]:
    described = {name: value[name] for name in ("AuthType", "InvokeMode", "CreationTime", "LastModifiedTime")}
    described["FunctionUrl"] = url_text(ctx.platform.endpoint, ref.scope.region, value["id"])
    described["FunctionArn"] = ref.qualified_arn
    if value["Cors"]:
        described["Cors"] = value["Cors"]
    return described
