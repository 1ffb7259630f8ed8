"""Implements AWS::KMS::ReplicaKey: a multi-Region key of another Region, in the Region of the stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nightbus.aws.arn import Arn
from nightbus.aws.calls import Scope
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
from nightbus.stacks.resources.values import changed, document_text


class KmsReplicaKey:
    type_name = "AWS::KMS::ReplicaKey"
    properties = frozenset(
        {"Description", "Enabled", "KeyPolicy", "PendingWindowInDays", "PrimaryKeyArn", "Tags"}
    )
    required = frozenset({"KeyPolicy", "PrimaryKeyArn"})
    replace_on = frozenset({"PrimaryKeyArn"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = {
            "KeyId": properties["PrimaryKeyArn"],
            "ReplicaRegion": ctx.call.scope.region,
            "Policy": document_text(properties["KeyPolicy"]),
            "Description": properties.get("Description") or "",
            "Tags": tag_list(all_tags(properties, ctx)),
        }
        primary = replace(
            ctx.call, scope=Scope(ctx.call.scope.account, _region(str(properties["PrimaryKeyArn"])))
        )
        reply = await ctx.operations.call("kms", "ReplicateKey", request, primary)
        key = reply["ReplicaKeyMetadata"]
        async with undone_on_failure(self.delete(key["KeyId"], properties, ctx)):
            if not is_enabled(properties):
                await set_enabled(key["KeyId"], False, ctx)
        return key_resource(key)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        key = (await ctx.operation("kms", "DescribeKey", KeyId=physical_id))["KeyMetadata"]
        if changed(old, new, "KeyPolicy"):
            await set_policy(physical_id, new["KeyPolicy"], ctx)
        if changed(old, new, "Description"):
            description = new.get("Description") or ""
            await ctx.operation("kms", "UpdateKeyDescription", KeyId=physical_id, Description=description)
        if is_enabled(new) != key["Enabled"]:
            await set_enabled(physical_id, is_enabled(new), ctx)
        await retag(physical_id, all_tags(new, ctx), ctx)
        return key_resource(key)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        await schedule_deletion(physical_id, properties.get("PendingWindowInDays"), ctx)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await live_key(physical_id, ctx)
        if live is None:
            return None
        primary = (live.get("MultiRegionConfiguration") or {}).get("PrimaryKey") or {}
        return {**live, "PrimaryKeyArn": primary.get("Arn")}


def _region(arn: str) -> str:
    try:
        return Arn.parse(arn).region
    except ValueError:
        raise AwsError("InvalidRequest", f"PrimaryKeyArn {arn} is not the ARN of a key.") from None
