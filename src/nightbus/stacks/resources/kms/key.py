"""Implements AWS::KMS::Key. Its deletion schedules the key's, as CloudFormation's does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.kms.keys import (
    is_enabled,
    key_resource,
    live_key,
    retag,
    schedule_deletion,
    set_enabled,
    set_policy,
    tag_list,
)
from nightbus.stacks.resources.outcomes import undone_on_failure
from nightbus.stacks.resources.tags import all_tags
from nightbus.stacks.resources.values import (
    boolean,
    changed,
    converted,
    document_text,
    integer_value,
    selected_properties,
)

_BYPASS = "BypassPolicyLockoutSafetyCheck"
_KINDS = {_BYPASS: boolean, "MultiRegion": boolean, "KeyPolicy": document_text}
_OF_CREATION = ("Description", "KeySpec", "KeyUsage", "Origin")
_FIXED = ("KeySpec", "KeyUsage", "MultiRegion", "Origin")
_ROTATION_DAYS = 365


class KmsKey:
    type_name = "AWS::KMS::Key"
    properties = frozenset(
        {
            *_OF_CREATION, *_KINDS, "EnableKeyRotation", "Enabled", "PendingWindowInDays", "RotationPeriodInDays",
            "Tags",
        }
    )  # fmt: skip
    required: frozenset[str] = frozenset()
    replace_on: frozenset[str] = frozenset()

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(properties, *_OF_CREATION, *_KINDS, kinds=_KINDS)
        if "KeyPolicy" in request:
            request["Policy"] = request.pop("KeyPolicy")
        reply = await ctx.operation("kms", "CreateKey", **request, Tags=tag_list(all_tags(properties, ctx)))
        key = reply["KeyMetadata"]
        async with undone_on_failure(self.delete(key["KeyId"], properties, ctx)):
            if _rotates(properties):
                await _set_rotation(key["KeyId"], properties, ctx)
            if not is_enabled(properties):
                await set_enabled(key["KeyId"], False, ctx)
        return key_resource(key)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        for name in _FIXED:
            if changed(
                old, new, name
            ):  # AWS fails the update, so that nobody loses a key by a change of a template
                raise AwsError("InvalidRequest", f"The property {name} of a KMS key cannot be changed.")
        key = (await ctx.operation("kms", "DescribeKey", KeyId=physical_id))["KeyMetadata"]
        if is_enabled(new) and not key["Enabled"]:
            await set_enabled(physical_id, True, ctx)
        if changed(old, new, "KeyPolicy", _BYPASS):
            bypass = new.get(_BYPASS) is not None and converted(_BYPASS, new[_BYPASS], boolean)
            await set_policy(physical_id, new.get("KeyPolicy"), ctx, bypass=bypass)
        if changed(old, new, "Description"):
            description = new.get("Description") or ""
            await ctx.operation("kms", "UpdateKeyDescription", KeyId=physical_id, Description=description)
        if changed(old, new, "EnableKeyRotation", "RotationPeriodInDays") and (
            _rotates(old) or _rotates(new)
        ):
            await _set_rotation(physical_id, new, ctx)
        if not is_enabled(new) and key["Enabled"]:
            await set_enabled(physical_id, False, ctx)
        await retag(physical_id, all_tags(new, ctx), ctx)
        return key_resource(key)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await schedule_deletion(physical_id, properties.get("PendingWindowInDays"), ctx)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        return await live_key(physical_id, ctx)


def _rotates(properties: Mapping[str, Any]) -> bool:
    return bool(converted("EnableKeyRotation", properties.get("EnableKeyRotation") or False, boolean))


async def _set_rotation(key_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
    if not _rotates(properties):
        await ctx.operation("kms", "DisableKeyRotation", KeyId=key_id)
        return
    days = converted(
        "RotationPeriodInDays", properties.get("RotationPeriodInDays") or _ROTATION_DAYS, integer_value
    )
    await ctx.operation("kms", "EnableKeyRotation", KeyId=key_id, RotationPeriodInDays=days)
