"""Implements AWS::IAM::Policy: one inline policy in each of the listed roles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.live_values import json_value, policy_document
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing
from nightbus.stacks.resources.values import document_text

_LONGEST_NAME = 128


class IamPolicy:
    type_name = "AWS::IAM::Policy"
    properties = frozenset({"PolicyDocument", "PolicyName", "Roles"})
    required = frozenset({"PolicyDocument", "PolicyName", "Roles"})
    replace_on = frozenset({"PolicyName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        return generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        for role in properties["Roles"]:
            await ctx.operation(
                "iam", "PutRolePolicy", RoleName=role, PolicyName=properties["PolicyName"],
                PolicyDocument=document_text(properties["PolicyDocument"]),
            )  # fmt: skip
        return Resource(str(name), {"Id": name})

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        dropped = [role for role in old["Roles"] if role not in new["Roles"]]
        await self.delete(physical_id, {**old, "Roles": dropped}, ctx)
        return await self.create(new, physical_id, ctx)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        for role in properties["Roles"]:
            with ignore_missing():
                await ctx.operation(
                    "iam", "DeleteRolePolicy", RoleName=role, PolicyName=properties["PolicyName"]
                )

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        """Of the roles those that have the policy; of several documents the one that differs from the declared one."""
        name, documents = properties["PolicyName"], {}
        for role in properties["Roles"]:
            with ignore_missing():
                reply = await ctx.operation("iam", "GetRolePolicy", RoleName=role, PolicyName=name)
                documents[role] = policy_document(reply["PolicyDocument"])
        if not documents:
            return None
        declared = json_value(properties.get("PolicyDocument"))
        different = [document for document in documents.values() if document != declared]
        shown = (different or list(documents.values()))[0]
        return {"Id": physical_id, "PolicyName": name, "PolicyDocument": shown, "Roles": list(documents)}
