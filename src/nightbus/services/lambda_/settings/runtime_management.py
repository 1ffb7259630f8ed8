"""Puts and gets when the version of a function's runtime may change.

A runtime has one version on a machine, which changes when the machine's interpreter does. So `Manual` accepts that
version only, and the setting is kept and shown.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html
"""

from __future__ import annotations

from typing import Any

from nightbus.services.context import Context
from nightbus.services.lambda_.errors import invalid_parameter_value
from nightbus.services.lambda_.names import FunctionRef, function_ref, is_version
from nightbus.services.lambda_.records import (
    RUNTIME_MANAGEMENT,
    Version,
    function_requirements,
    qualified_key,
    require_version,
)
from nightbus.store.interface import PutRecord

_MANUAL = "Manual"


async def get_runtime_management_config(
    ctx: Context, *, function_name: str, qualifier: str | None = None
) -> dict[str, Any]:
    ref, _ = await _version(ctx, function_name, qualifier)
    key = qualified_key(ref.name, ref.version_or_alias)
    record = await ctx.store.get(ref.scope, RUNTIME_MANAGEMENT, key)
    return _described(ref, record.value if record is not None else {"UpdateRuntimeOn": "Auto"})


async def put_runtime_management_config(
    ctx: Context,
    *,
    function_name: str,
    update_runtime_on: str,
    qualifier: str | None = None,
    runtime_version_arn: str | None = None,
) -> dict[str, Any]:
    ref, version = await _version(ctx, function_name, qualifier)
    _check(version, update_runtime_on, runtime_version_arn or "")
    value = {"UpdateRuntimeOn": update_runtime_on}
    if runtime_version_arn:
        value["RuntimeVersionArn"] = runtime_version_arn
    key = qualified_key(ref.name, ref.version_or_alias)
    put = PutRecord(ref.scope, RUNTIME_MANAGEMENT, key, value)
    await ctx.store.commit(*await function_requirements(ctx, ref), put)
    return _described(ref, value)


async def _version(ctx: Context, name: str, qualifier: str | None) -> tuple[FunctionRef, Version]:
    ref = function_ref(ctx.scope, name, qualifier)
    if not is_version(ref.version_or_alias):
        raise invalid_parameter_value(
            "Runtime management settings are of a version or of $LATEST, not of an alias."
        )
    return ref, (await require_version(ctx, ref))[1]


def _check(version: Version, update_on: str, arn: str) -> None:
    if (update_on == _MANUAL) != bool(arn):
        raise invalid_parameter_value(
            "RuntimeVersionArn is required where UpdateRuntimeOn is Manual, and not allowed otherwise."
        )
    current = version["config"].get("RuntimeVersionConfig", {}).get("RuntimeVersionArn", "")
    if arn and arn != current:
        raise invalid_parameter_value(
            f"Runtime version {arn} is not available for the function; this node has {current}."
        )


def _described(ref: FunctionRef, value: dict[str, Any]) -> dict[str, Any]:
    return {"FunctionArn": f"{ref.arn}:{ref.version_or_alias}", **value}
