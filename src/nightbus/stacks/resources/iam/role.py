"""Implements AWS::IAM::Role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nightbus.aws.errors import AwsError
from nightbus.stacks.interface import Resource, ResourceContext
from nightbus.stacks.resources.iam.principals import (
    drop_policies,
    policies_now,
    retag,
    set_boundary,
    set_policies,
)
from nightbus.stacks.resources.live_values import policy_document
from nightbus.stacks.resources.names import generated_name
from nightbus.stacks.resources.outcomes import ignore_missing, is_there_already, undone_on_failure
from nightbus.stacks.resources.tags import all_tags, as_list, belongs_to_resource, own_tags, tag_map
from nightbus.stacks.resources.values import changed, document_text, integer_value, selected_properties

_LONGEST_NAME = 64
_DEFAULT_SESSION = 3600


class IamRole:
    type_name = "AWS::IAM::Role"
    properties = frozenset(
        {
            "AssumeRolePolicyDocument", "Description", "ManagedPolicyArns", "MaxSessionDuration", "Path",
            "PermissionsBoundary", "Policies", "RoleName", "Tags",
        }
    )  # fmt: skip
    required = frozenset({"AssumeRolePolicyDocument"})
    replace_on = frozenset({"Path", "RoleName"})

    def physical_name(self, properties: Mapping[str, Any], ctx: ResourceContext) -> str | None:
        template_name = properties.get("RoleName")
        return (
            str(template_name)
            if template_name
            else generated_name(ctx.stack_name, ctx.logical_id, _LONGEST_NAME)
        )

    async def create(self, properties: Mapping[str, Any], name: str | None, ctx: ResourceContext) -> Resource:
        request = selected_properties(
            properties, "Description", "MaxSessionDuration", "Path", "PermissionsBoundary",
            kinds={"MaxSessionDuration": integer_value},
        )  # fmt: skip
        request["AssumeRolePolicyDocument"] = document_text(properties["AssumeRolePolicyDocument"])
        try:
            reply = await ctx.operation(
                "iam", "CreateRole", RoleName=name, Tags=as_list(all_tags(properties, ctx)), **request
            )
        except AwsError as error:
            if not is_there_already(error):
                raise
            reply = await ctx.operation("iam", "GetRole", RoleName=name)
            if not belongs_to_resource(tag_map(reply["Role"].get("Tags") or []), ctx):
                raise
        async with undone_on_failure(self.delete(str(name), properties, ctx)):
            await set_policies("Role", str(name), {}, properties, ctx)
        return _resource(reply["Role"])

    async def update(
        self, physical_id: str, old: Mapping[str, Any], new: Mapping[str, Any], ctx: ResourceContext
    ) -> Resource:
        if changed(old, new, "AssumeRolePolicyDocument"):
            await ctx.operation(
                "iam", "UpdateAssumeRolePolicy", RoleName=physical_id,
                PolicyDocument=document_text(new["AssumeRolePolicyDocument"]),
            )  # fmt: skip
        if changed(old, new, "Description", "MaxSessionDuration"):
            duration = integer_value(new.get("MaxSessionDuration") or _DEFAULT_SESSION)
            await ctx.operation(
                "iam", "UpdateRole", RoleName=physical_id, Description=new.get("Description") or "",
                MaxSessionDuration=duration,
            )  # fmt: skip
        if changed(old, new, "PermissionsBoundary"):
            await set_boundary("Role", physical_id, new.get("PermissionsBoundary"), ctx)
        await set_policies("Role", physical_id, old, new, ctx)
        role = (await ctx.inspect("iam", "GetRole", RoleName=physical_id))["Role"]
        await retag("Role", role, all_tags(new, ctx), ctx)
        return _resource(role)

    async def delete(self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext) -> None:
        with ignore_missing():
            await drop_policies("Role", physical_id, ctx)
            await ctx.operation("iam", "DeleteRole", RoleName=physical_id)

    async def read(
        self, physical_id: str, properties: Mapping[str, Any], ctx: ResourceContext
    ) -> dict[str, Any] | None:
        role = dict((await ctx.operation("iam", "GetRole", RoleName=physical_id))["Role"])
        boundary = role.get("PermissionsBoundary") or {}
        role |= {
            "AssumeRolePolicyDocument": policy_document(role["AssumeRolePolicyDocument"]),
            "PermissionsBoundary": boundary.get("PermissionsBoundaryArn"),
            **await policies_now("Role", physical_id, properties, ctx),
            "Tags": own_tags(tag_map(role.get("Tags") or [])),
        }
        return role


def _resource(role: Mapping[str, Any]) -> Resource:
    return Resource(role["RoleName"], {"Arn": role["Arn"], "RoleId": role["RoleId"]})
