"""Implements AWS::SecretsManager::ResourcePolicy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.outcomes import exists_elsewhere, ignore_missing
from nightbus.stacks.resources.values import boolean, document_text, selected_properties


class SecretsManagerResourcePolicy:
    type_name = "AWS::SecretsManager::ResourcePolicy"
    properties = frozenset({"BlockPublicPolicy", "ResourcePolicy", "SecretId"})
    required = frozenset({"ResourcePolicy", "SecretId"})
    replace_on = frozenset({"SecretId"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return None

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        secret = str(properties["SecretId"])
        existing = await ctx.operation("secretsmanager", "GetResourcePolicy", SecretId=secret)
        policy = existing.get("ResourcePolicy")
        if policy and policy != document_text(properties["ResourcePolicy"]):
            raise exists_elsewhere(f"The resource policy of {secret}")
        return await _put(secret, properties, ctx)

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        return await _put(physical_id, new, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await ctx.operation("secretsmanager", "DeleteResourcePolicy", SecretId=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        live = await ctx.operation("secretsmanager", "GetResourcePolicy", SecretId=physical_id)
        policy = live.get("ResourcePolicy")
        return {"Id": physical_id, "SecretId": physical_id, "ResourcePolicy": policy} if policy else None


async def _put(secret: str, properties: Mapping[str, Any], ctx: ResourceContext) -> Resource:
    request = selected_properties(properties, "BlockPublicPolicy", kinds={"BlockPublicPolicy": boolean})
    policy = document_text(properties["ResourcePolicy"])
    reply = await ctx.operation(
        "secretsmanager", "PutResourcePolicy", SecretId=secret, ResourcePolicy=policy, **request
    )
    return Resource(reply["ARN"], {"Id": reply["ARN"]})
